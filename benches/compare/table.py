"""All rows, in the order in which they are measured and told."""

import durable
import evicting
import guarded
import plain_http
import rows

ROWS = [*rows.ROWS, *plain_http.ROWS, *evicting.ROWS, *durable.ROWS, *guarded.ROWS]
