//! Who made one call, and whether they may do what it asks for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    gate::{
        access::{
            Access,
            digest::Digest,
            identity::{Identity, Right},
            roster::{Found, IDENTITIES_MAX, Roster},
        },
        rate::{Rates, meter::Meter},
        refusal::{Credentials, Refusal},
    },
    model::{range::Range, time::UnixMillis},
};

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    who: Who,
    /// Where from, where changes are told in the log.
    audited: Option<Arc<SocketAddr>>,
}

#[derive(Clone, Debug)]
enum Who {
    /// Nobody is asked who they are.
    Anyone,
    /// Nobody that is known: may do nothing.
    Nobody,
    Known(Arc<Known>),
}

/// Somebody, and how they are known.
#[derive(Debug)]
struct Known {
    found: Found,
    by: By,
    roster: Arc<Roster>,
    access: Access,
    rates: Rates,
    /// Where it counts what they have; `None`: they may have what they like.
    meter: Option<Arc<Meter>>,
}

/// What somebody is known by.
#[derive(Clone, Debug)]
pub(super) enum By {
    Token(Digest),
    Certificate(Arc<[String]>),
}

/// Somebody may not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Who.
    pub identity: String,
    /// What they would need.
    pub right: Right,
}

impl Caller {
    /// Where nobody is asked who they are: may do everything.
    #[must_use]
    pub const fn anyone() -> Self {
        Self::new(Who::Anyone)
    }

    /// Nobody that is known: may do nothing.
    #[must_use]
    pub const fn nobody() -> Self {
        Self::new(Who::Nobody)
    }

    const fn new(who: Who) -> Self {
        Self { who, audited: None }
    }

    /// The same, whose changes are told in the log with where they came from;
    /// `None`: they are not.
    #[must_use]
    pub fn audited_at(self, peer: Option<&Arc<SocketAddr>>) -> Self {
        Self {
            audited: peer.cloned(),
            ..self
        }
    }

    /// Where they call from, if their changes are told in the log.
    #[must_use]
    pub fn audited(&self) -> Option<SocketAddr> {
        self.audited.as_deref().copied()
    }

    /// Who has `by`, as `access` says now.
    pub(super) fn known(access: &Access, by: By) -> Result<Self, Credentials> {
        let roster = access.roster();
        let found = match &by {
            By::Token(digest) => roster.by_token(digest),
            By::Certificate(names) => roster.by_certificate(names),
        };
        let found = found.ok_or(Credentials::Invalid)?;
        let meters = &access.0.meters;
        let rates = found.identity.rates(meters.usual());
        let caller = Self::new(Who::Known(Arc::new(Known {
            rates,
            meter: meters.of_identity(found.identity.name(), rates, IDENTITIES_MAX),
            found,
            by,
            roster,
            access: access.clone(),
        })));
        if caller.has_expired() {
            return Err(Credentials::Expired);
        }
        Ok(caller)
    }

    /// Whether nobody is asked who they are.
    #[must_use]
    pub const fn is_anyone(&self) -> bool {
        matches!(self.who, Who::Anyone)
    }

    /// Who it is, where it is somebody.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        match &self.who {
            Who::Known(known) => Some(&known.found.identity),
            Who::Anyone | Who::Nobody => None,
        }
    }

    /// What they may have in a second, where it is somebody.
    #[must_use]
    pub fn rates(&self) -> Option<Rates> {
        match &self.who {
            Who::Known(known) => Some(known.rates),
            Who::Anyone | Who::Nobody => None,
        }
    }

    /// Where it counts what they have; whoever is not somebody has it counted at
    /// their `address`.
    #[must_use]
    pub fn meter<'a>(&'a self, address: Option<&'a Arc<Meter>>) -> Option<&'a Arc<Meter>> {
        match &self.who {
            Who::Known(known) => known.meter.as_ref(),
            Who::Anyone | Who::Nobody => address,
        }
    }

    /// Whether `right` on `key` is theirs.
    ///
    /// # Errors
    /// It is not.
    pub fn may(&self, right: Right, key: &str) -> Result<(), Denied> {
        self.must(right, |identity| identity.may(right, key))
    }

    /// Whether `right` on all keys of `range` is theirs.
    ///
    /// # Errors
    /// It is not.
    pub fn may_all(&self, right: Right, range: &Range) -> Result<(), Denied> {
        self.must(right, |identity| identity.may_all(right, range))
    }

    /// Whether `right` is theirs anywhere.
    ///
    /// # Errors
    /// It is not.
    pub fn has(&self, right: Right) -> Result<(), Denied> {
        self.must(right, |identity| identity.has(right))
    }

    /// The same caller as things are now.
    ///
    /// # Errors
    /// [`Refusal::Credentials`]: they are not known any more.
    pub fn renewed(self) -> Result<Self, Refusal> {
        match &self.who {
            Who::Known(known) if !self.is_current() || self.has_expired() => {
                let renewed = Self::known(&known.access, known.by.clone());
                let renewed = renewed.map_err(Refusal::Credentials)?;
                Ok(renewed.audited_at(self.audited.as_ref()))
            }
            Who::Known(_) | Who::Anyone | Who::Nobody => Ok(self),
        }
    }

    /// Tells of each change of who may do what; `None`: nobody is asked.
    #[must_use]
    pub fn changes(&self) -> Option<watch::Receiver<Arc<Roster>>> {
        match &self.who {
            Who::Known(known) => Some(known.access.0.roster.clone()),
            Who::Anyone | Who::Nobody => None,
        }
    }

    /// How long they are known, if that ends.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        let Who::Known(known) = &self.who else {
            return None;
        };
        let left = known.found.expires?.since(known.access.now());
        Some(Duration::from_millis(left))
    }

    /// Whether nothing has changed about who may do what.
    pub(super) fn is_current(&self) -> bool {
        match &self.who {
            Who::Known(known) => Arc::ptr_eq(&known.roster, &known.access.0.roster.borrow()),
            Who::Anyone | Who::Nobody => true,
        }
    }

    pub(super) fn has_expired(&self) -> bool {
        self.expires()
            .is_some_and(|(expires, access)| access.now() >= expires)
    }

    fn expires(&self) -> Option<(UnixMillis, &Access)> {
        match &self.who {
            Who::Known(known) => Some((known.found.expires?, &known.access)),
            Who::Anyone | Who::Nobody => None,
        }
    }

    fn must(&self, right: Right, may: impl FnOnce(&Identity) -> bool) -> Result<(), Denied> {
        let identity = match &self.who {
            Who::Anyone => return Ok(()),
            Who::Known(known) if may(&known.found.identity) => return Ok(()),
            Who::Known(known) => known.found.identity.name().to_owned(),
            Who::Nobody => String::new(),
        };
        Err(Denied { identity, right })
    }
}
