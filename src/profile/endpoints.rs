//! An authorization server's endpoints by their registered names (RFC 8414 section 2, RFC 8628 section 4, RFC 9126
//! section 5), written once for the configuration, the server's metadata and what is remembered of it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    Token,
    Authorization,
    DeviceAuthorization,
    Revocation,
    PushedAuthorizationRequest,
}

impl EndpointKind {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 5] = [
        Self::Token,
        Self::Authorization,
        Self::DeviceAuthorization,
        Self::Revocation,
        Self::PushedAuthorizationRequest,
    ];

    /// The registered name, which is also the configuration's key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token_endpoint",
            Self::Authorization => "authorization_endpoint",
            Self::DeviceAuthorization => "device_authorization_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::PushedAuthorizationRequest => "pushed_authorization_request_endpoint",
        }
    }
}

/// The endpoints that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints<T>([Option<T>; 5]);

impl<T> Default for Endpoints<T> {
    fn default() -> Self {
        Self([const { None }; 5])
    }
}

impl<T> Endpoints<T> {
    /// Each endpoint as `find` finds it by its kind.
    pub fn of(find: impl FnMut(EndpointKind) -> Option<T>) -> Self {
        Self(EndpointKind::ALL.map(find))
    }

    /// The same, up to the first that is found wrong.
    pub fn try_of<E>(
        mut find: impl FnMut(EndpointKind) -> Result<Option<T>, E>,
    ) -> Result<Self, E> {
        let mut all = Self::default();
        for kind in EndpointKind::ALL {
            all.0[kind as usize] = find(kind)?;
        }
        Ok(all)
    }

    /// One of them.
    pub fn get(&self, kind: EndpointKind) -> Option<&T> {
        self.0[kind as usize].as_ref()
    }

    /// Whether it is known.
    pub fn has(&self, kind: EndpointKind) -> bool {
        self.0[kind as usize].is_some()
    }

    /// Sets one of them.
    pub fn set(&mut self, kind: EndpointKind, endpoint: T) {
        self.0[kind as usize] = Some(endpoint);
    }

    /// Those that are known, with their kinds.
    pub fn known(&self) -> impl Iterator<Item = (EndpointKind, &T)> {
        EndpointKind::ALL
            .into_iter()
            .filter_map(|kind| Some((kind, self.get(kind)?)))
    }
}

impl<T: Serialize> Serialize for Endpoints<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.known().map(|(kind, url)| (kind.name(), url)))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Endpoints<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        Ok(Self::of(|kind| match members.remove(kind.name()) {
            Some(url) => serde_json::from_value(url).ok(),
            None => None,
        }))
    }
}
