//! The limits of what one call may carry.

/// Checked where a request is decoded, and told by Describe. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a key; at most [`crate::model::key::Key::BYTES_LIMIT`].
    pub key_bytes_max: usize,
    /// Bytes of a value.
    pub value_bytes_max: usize,
    /// Bytes of a request message.
    pub message_bytes_max: usize,
    /// Bytes of the entries in one reply, in their encoded form.
    pub reply_bytes_max: usize,
    /// Operations in one list.
    pub batch_operations_max: usize,
    /// Entries in one page.
    pub page_entries_max: usize,
    /// Entries that one call removes from a range.
    pub delete_range_entries_max: usize,
    /// Lists of one pipeline at once.
    pub pipeline_lists_in_flight_max: usize,
    /// Ranges of one watch.
    pub watch_ranges_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: 1024,
            value_bytes_max: 1 << 20,
            message_bytes_max: 4 << 20,
            reply_bytes_max: 3 << 20,
            batch_operations_max: 1024,
            page_entries_max: 1000,
            delete_range_entries_max: 100_000,
            pipeline_lists_in_flight_max: 16,
            watch_ranges_max: 64,
        }
    }
}
