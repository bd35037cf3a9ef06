//! What a Kubernetes API server sends on `?watch=1`, as types.
//!
//! The wire is one JSON object a line, `{"type":…,"object":…}`. `ADDED`,
//! `MODIFIED` and `DELETED` carry a whole object; `BOOKMARK` carries only a
//! kind and a `resourceVersion`; `ERROR` carries a `Status` and becomes
//! [`WireError::Status`]. A real server sends one kind per watch: the streams
//! read here are several watches merged into one, so each kind ends its own
//! initial list with a bookmark of its own ([`Bookmark::initial_events_end`]).
//!
//! Only what a controller may rely on is typed. Fields that are not named here
//! (`managedFields`, …) are read over, as every client of Kubernetes must; a
//! named field of a wrong type is an error, because acting on half an object
//! is worse than skipping it. `null` stands for "absent", as in Go's decoder.
//!
//! The rooms: this file is the vocabulary, `decode` makes an event of a line,
//! `fields` and `base64` read single values, `path` says where in a line a
//! value stands, `error` is what can be wrong. Lines come from `crate::reader`.

mod base64;
mod decode;
mod error;
mod fields;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use self::fields::{object, object_or_absent, or_default, text};

pub(crate) use self::decode::event;
pub(crate) use self::error::{Place, WireError};

/// The annotation on the bookmark that ends an initial list (the API server's
/// `sendInitialEvents`). Its value is `"true"`.
pub(crate) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// The kinds this operator watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Core `v1`.
    ConfigMap,
    /// Core `v1`.
    Secret,
    /// The custom resource of the example.
    Database,
}

impl Kind {
    /// Every kind, in the order in which reports list them.
    pub(crate) const ALL: [Kind; 3] = [Kind::ConfigMap, Kind::Secret, Kind::Database];

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ConfigMap => "ConfigMap",
            Kind::Secret => "Secret",
            Kind::Database => "Database",
        }
    }

    /// The one `apiVersion` of this kind that the operator reads.
    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Kind::ConfigMap | Kind::Secret => "v1",
            Kind::Database => "demo.example.com/v1",
        }
    }

    /// The kind with this name on the wire.
    pub(crate) fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One event of a watch that can be acted upon.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WatchEvent {
    /// Something happened to an object.
    Object {
        /// What happened.
        change: Change,
        /// The object after the change; for a deletion, its last state.
        object: Object,
    },
    /// Nothing happened to this kind up to a `resourceVersion`.
    Bookmark(Bookmark),
}

impl WatchEvent {
    /// The kind that the event speaks of.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            WatchEvent::Object { object, .. } => object.kind(),
            WatchEvent::Bookmark(bookmark) => bookmark.kind,
        }
    }

    /// The state of the cluster that the event brings its reader to.
    pub(crate) fn resource_version(&self) -> &ResourceVersion {
        match self {
            WatchEvent::Object { object, .. } => &object.metadata().resource_version,
            WatchEvent::Bookmark(bookmark) => &bookmark.resource_version,
        }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// It exists: a member of the initial list, or created since.
    Added,
    /// Its spec, status or metadata changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// A whole object of one of the watched kinds.
///
/// Boxed, because an object is some three hundred bytes before it holds
/// anything, and an event is moved several times on its way through a channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Object {
    /// A `v1` ConfigMap.
    ConfigMap(Box<ConfigMap>),
    /// A `v1` Secret.
    Secret(Box<Secret>),
    /// A `demo.example.com/v1` Database.
    Database(Box<Database>),
}

impl Object {
    /// Its kind.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Object::ConfigMap(_) => Kind::ConfigMap,
            Object::Secret(_) => Kind::Secret,
            Object::Database(_) => Kind::Database,
        }
    }

    /// What every kind has.
    pub(crate) fn metadata(&self) -> &Metadata {
        match self {
            Object::ConfigMap(it) => &it.metadata,
            Object::Secret(it) => &it.metadata,
            Object::Database(it) => &it.metadata,
        }
    }
}

/// A bookmark: the reader of this kind is up to date as of `resource_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    /// The kind whose watch sent it.
    pub(crate) kind: Kind,
    /// Where a broken watch of this kind may begin again.
    pub(crate) resource_version: ResourceVersion,
    /// The initial list of this kind is complete: an informer has synced.
    pub(crate) initial_events_end: bool,
}

/// A state of the cluster. Opaque text on the wire, never a number, although
/// it looks like one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub(crate) struct ResourceVersion(#[serde(deserialize_with = "text")] String);

impl ResourceVersion {
    /// The text as the server sent it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// `metadata`, as far as controllers use it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// Unique among the living objects of a kind in a namespace.
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    /// All watched kinds are namespaced, so it is never absent.
    #[serde(deserialize_with = "text")]
    pub(crate) namespace: String,
    /// Unique for all time: a name that comes back has another uid.
    #[serde(deserialize_with = "text")]
    pub(crate) uid: String,
    /// Of the last write to this object; of the deletion, in a `DELETED`.
    pub(crate) resource_version: ResourceVersion,
    /// Grows with each change of the spec; core kinds have none.
    pub(crate) generation: Option<i64>,
    /// RFC 3339, to the second.
    pub(crate) creation_timestamp: Option<String>,
    /// Set once deletion was asked for and finalizers hold it back.
    pub(crate) deletion_timestamp: Option<String>,
    /// Labels, for selecting.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations, for tools.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) annotations: BTreeMap<String, String>,
    /// When the last of these is gone, the garbage collector deletes this.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) owner_references: Vec<OwnerReference>,
    /// Who must agree before the object goes.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) finalizers: Vec<String>,
}

impl Metadata {
    /// `namespace/name`, the key under which caches and queues know an object.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The owner of an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerReference {
    /// Of the owner.
    pub(crate) api_version: String,
    /// Of the owner: any kind, also one that is not watched.
    pub(crate) kind: String,
    /// Of the owner.
    pub(crate) name: String,
    /// Of the owner: this, not the name, decides.
    pub(crate) uid: String,
    /// At most one owner is the controller.
    pub(crate) controller: Option<bool>,
}

/// A `v1` ConfigMap.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigMap {
    /// Name, version, labels, …
    #[serde(deserialize_with = "object")]
    pub(crate) metadata: Metadata,
    /// Text by key.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) data: BTreeMap<String, String>,
    /// What is not UTF-8, by key.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) binary_data: BTreeMap<String, Bytes>,
    /// May not change any more.
    pub(crate) immutable: Option<bool>,
}

/// A `v1` Secret.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Secret {
    /// Name, version, labels, …
    #[serde(deserialize_with = "object")]
    pub(crate) metadata: Metadata,
    /// `Opaque`, `kubernetes.io/tls`, …
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) secret_type: String,
    /// Values by key, base64 on the wire.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) data: BTreeMap<String, Bytes>,
    /// May not change any more.
    pub(crate) immutable: Option<bool>,
}

/// Bytes that travel as base64. They may be a password, so `Debug` shows only
/// how many there are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} not shown)", self.0.len())
    }
}

/// A `demo.example.com/v1` Database: the resource this operator is for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Database {
    /// Name, version, labels, …
    #[serde(deserialize_with = "object")]
    pub(crate) metadata: Metadata,
    /// What the user wants.
    #[serde(deserialize_with = "object")]
    pub(crate) spec: DatabaseSpec,
    /// What the operator last saw; absent until it saw anything.
    #[serde(default, deserialize_with = "object_or_absent")]
    pub(crate) status: Option<DatabaseStatus>,
}

/// What the user of a [`Database`] wants.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseSpec {
    /// `postgres`, `mysql`, …
    #[serde(deserialize_with = "text")]
    pub(crate) engine: String,
    /// Of the engine.
    #[serde(deserialize_with = "text")]
    pub(crate) version: String,
    /// Servers wanted.
    pub(crate) replicas: u32,
    /// A Kubernetes quantity such as `20Gi`.
    #[serde(deserialize_with = "text")]
    pub(crate) storage: String,
    /// The Secret, in the same namespace, with user and password.
    #[serde(default)]
    pub(crate) credentials_secret: Option<String>,
}

/// What the operator last saw of a [`Database`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseStatus {
    /// `Provisioning`, `Scaling`, `Ready`, `Terminating`.
    #[serde(deserialize_with = "text")]
    pub(crate) phase: String,
    /// Servers that answer.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) ready_replicas: u32,
    /// The `generation` that this status speaks of.
    pub(crate) observed_generation: Option<i64>,
    /// `host:port`, once there is one.
    pub(crate) endpoint: Option<String>,
    /// In the usual form.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) conditions: Vec<Condition>,
}

/// One condition of a status.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    /// `Available`, …
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) condition_type: String,
    /// `True`, `False` or `Unknown`.
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    /// One word in CamelCase.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) reason: String,
    /// A sentence for people.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) message: String,
    /// RFC 3339.
    pub(crate) last_transition_time: Option<String>,
}
