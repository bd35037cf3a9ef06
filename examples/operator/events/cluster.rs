//! The cluster of the story: what is alive in it, its clock and its revision.
//!
//! Every write takes time and a revision, whether it is told of or not. Before
//! the watches begin the clock goes in hours, afterwards in seconds; other
//! kinds of the cluster use up revisions too, so there are gaps.
//!
//! Objects are named by uid, as Kubernetes' own garbage collector does: a name
//! may come back, a uid never.

use serde_json::{Value, json};

use crate::objects::{
    Body, DATABASE_VERSION, Meta, Object, Random, Spec, Status, Texts, base64, timestamp,
};

/// When the watches begin: 2025-10-14T08:00:00Z.
const BEGIN: u64 = 1_760_428_800;

/// The cluster's revision at that moment.
const BEGIN_REVISION: u64 = 48_210;

/// What keeps a database from vanishing before its last backup.
const FINALIZER: &str = "demo.example.com/last-backup";

/// Namespace, name, and the database of each application.
pub(crate) const APPLICATIONS: [(&str, &str, Option<Engine>); 12] = [
    ("catalog", "prices", Some(POSTGRES)),
    ("catalog", "products", Some(POSTGRES)),
    ("orders", "invoices", Some(MYSQL)),
    ("orders", "orders", Some(POSTGRES)),
    ("orders", "shipping", Some(MYSQL)),
    ("payments", "checkout", None),
    ("payments", "ledger", Some(POSTGRES)),
    ("payments", "refunds", Some(POSTGRES)),
    ("platform", "audit", Some(POSTGRES)),
    ("platform", "gateway", None),
    ("search", "indexer", Some(POSTGRES)),
    ("search", "suggest", None),
];

/// Engine and version of a database.
pub(crate) type Engine = (&'static str, &'static str);

/// What most applications use.
pub(crate) const POSTGRES: Engine = ("postgres", "16.4");
/// What the older ones use.
const MYSQL: Engine = ("mysql", "8.0.39");

/// A cluster.
pub(crate) struct Cluster {
    pub(crate) random: Random,
    /// Seconds since 1970.
    pub(crate) now: u64,
    /// Of the last write, to one of our kinds or to another.
    pub(crate) revision: u64,
    /// What is alive.
    pub(crate) objects: Vec<Object>,
}

impl Cluster {
    /// A cluster as it is when the watches begin.
    pub(crate) fn populated() -> Self {
        let mut cluster = Self {
            random: Random(0x6f70_6572_6174_6f72),
            now: BEGIN - 40 * 86_400,
            revision: 900,
            objects: Vec::new(),
        };
        cluster.populate();
        cluster
    }

    /// Everything that is there when the watches begin.
    fn populate(&mut self) {
        for (namespace, app, engine) in APPLICATIONS {
            if !self
                .objects
                .iter()
                .any(|object| object.meta.namespace == namespace)
            {
                self.populate_namespace(namespace);
            }
            self.create(namespace, app, "config", Body::ConfigMap(config(app)));
            if app.len() % 2 == 0 {
                self.create(namespace, app, "features", Body::ConfigMap(features()));
                let certificate = [("tls.crt", 60), ("tls.key", 48)];
                self.create_secret(namespace, app, "tls", "kubernetes.io/tls", &certificate);
            } else {
                self.create_secret(namespace, app, "api-token", "Opaque", &[("token", 30)]);
            }
            if let Some(engine) = engine {
                let uid = self.create_database(namespace, app, "db", engine);
                self.make_credentials(&uid);
                self.set_status(&uid, "Ready");
            }
        }
        assert!(
            self.now < BEGIN && self.revision < BEGIN_REVISION,
            "the past lies before the list"
        );
        (self.now, self.revision) = (BEGIN, BEGIN_REVISION);
    }

    /// What every namespace has.
    fn populate_namespace(&mut self, namespace: &str) {
        let body = self.random.secret(90);
        let certificate = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n{}\n-----END CERTIFICATE-----\n",
            &body[..64],
            &body[64..]
        );
        let data = texts(&[("ca.crt", &certificate)]);
        let root = self.create(namespace, "kube-root-ca", "crt", Body::ConfigMap(data));
        let meta = &mut self.object(&root).meta;
        meta.name = "kube-root-ca.crt".into();
        meta.labels.clear();
        meta.annotations = texts(&[(
            "kubernetes.io/description",
            "Contains a CA bundle that can be used to verify the kube-apiserver.",
        )]);
        let login = format!(
            r#"{{"auths":{{"registry.example.com":{{"username":"{namespace}-puller"}}}}}}"#
        );
        let data = texts(&[(".dockerconfigjson", &base64(login.as_bytes()))]);
        self.create(
            namespace,
            "registry",
            "pull",
            Body::Secret("kubernetes.io/dockerconfigjson", data),
        );
    }

    /// A random living object that is not being deleted, by uid.
    pub(crate) fn find(&mut self, wanted: impl Fn(&Object) -> bool) -> Option<String> {
        let found: Vec<&Object> = self
            .objects
            .iter()
            .filter(|object| object.meta.deletion_timestamp.is_none() && wanted(object))
            .collect();
        if found.is_empty() {
            return None;
        }
        Some(self.random.pick(&found).meta.uid.clone())
    }

    /// As [`Cluster::find`], among the databases that are ready.
    pub(crate) fn find_database(&mut self, wanted: impl Fn(&Object) -> bool) -> Option<String> {
        self.find(|object| match &object.body {
            Body::Database(_, Some(status)) => status.phase == "Ready" && wanted(object),
            _ => false,
        })
    }

    /// Whether a database waits for the operator: it is alive, not about to go,
    /// and its status speaks of an older spec.
    pub(crate) fn is_unsettled(&self, uid: &str) -> bool {
        let living = self.objects.iter().find(|object| object.meta.uid == uid);
        living.is_some_and(|Object { meta, body }| match body {
            Body::Database(_, Some(status)) => {
                let current = Some(status.observed_generation) == meta.generation;
                meta.deletion_timestamp.is_none() && !(current && status.phase == "Ready")
            }
            _ => false,
        })
    }

    /// A living object.
    pub(crate) fn object(&mut self, uid: &str) -> &mut Object {
        self.objects
            .iter_mut()
            .find(|object| object.meta.uid == uid)
            .expect("plans follow the living")
    }

    /// A living object, about to be changed: time passes, and it gets the
    /// revision of the change.
    pub(crate) fn write(&mut self, uid: &str) -> &mut Object {
        let revision = self.pass_time();
        let object = self.object(uid);
        object.meta.resource_version = revision;
        object
    }

    /// Time passes until the next write; its revision. Before the list hours,
    /// then seconds; other kinds of the cluster use up revisions too.
    fn pass_time(&mut self) -> String {
        let past = self.now < BEGIN;
        self.now += if past {
            self.random.between(3_600, 57_600)
        } else {
            self.random.between(1, 9)
        };
        self.revision += if past {
            self.random.between(90, 900)
        } else {
            self.random.between(1, 40)
        };
        self.revision.to_string()
    }

    /// A new object `app-part`; its uid.
    pub(crate) fn create(&mut self, namespace: &str, app: &str, part: &str, body: Body) -> String {
        let meta = Meta {
            name: format!("{app}-{part}"),
            namespace: namespace.into(),
            uid: self.random.uid(),
            resource_version: self.pass_time(),
            generation: None,
            creation_timestamp: timestamp(self.now),
            deletion_timestamp: None,
            deletion_grace_period_seconds: None,
            labels: texts(&[
                ("app.kubernetes.io/name", app),
                ("app.kubernetes.io/part-of", namespace),
                ("app.kubernetes.io/managed-by", "argocd"),
            ]),
            annotations: Texts::new(),
            owner_references: Vec::new(),
            finalizers: Vec::new(),
            managed_fields: Vec::new(),
        };
        let uid = meta.uid.clone();
        self.objects.push(Object { meta, body });
        uid
    }

    /// A new Secret with random values of so many bytes; its uid.
    fn create_secret(
        &mut self,
        namespace: &str,
        app: &str,
        part: &str,
        secret_type: &'static str,
        lengths: &[(&str, usize)],
    ) -> String {
        let data = lengths
            .iter()
            .map(|&(key, length)| (key.into(), self.random.secret(length)))
            .collect();
        self.create(namespace, app, part, Body::Secret(secret_type, data))
    }

    /// A new database that nobody has taken up; its uid.
    pub(crate) fn create_database(
        &mut self,
        namespace: &str,
        app: &str,
        part: &str,
        (engine, version): Engine,
    ) -> String {
        let spec = Spec {
            engine,
            version,
            replicas: self.random.between(1, 3) as u32,
            storage: format!("{}Gi", 10 * self.random.between(1, 5)),
            credentials_secret: format!("{app}-{part}-credentials"),
        };
        let uid = self.create(namespace, app, part, Body::Database(spec, None));
        let fields =
            json!({"f:spec": {"f:engine": {}, "f:replicas": {}, "f:storage": {}, "f:version": {}}});
        let managed = managed("argocd-controller", self.now, fields, None);
        let meta = &mut self.object(&uid).meta;
        meta.generation = Some(1);
        meta.finalizers.push(FINALIZER.into());
        meta.managed_fields.push(managed);
        uid
    }

    /// The Secret with user and password of a database, owned by it; its uid.
    pub(crate) fn make_credentials(&mut self, database: &str) -> String {
        let owner = self.object(database).meta.clone();
        let (app, part) = (
            owner.labels["app.kubernetes.io/name"].clone(),
            format!("{}-credentials", owner.name),
        );
        let part = part
            .strip_prefix(&format!("{app}-"))
            .expect("named after its application");
        let lengths = [("password", 24)];
        let uid = self.create_secret(
            &owner.namespace,
            &app,
            part,
            "kubernetes.io/basic-auth",
            &lengths,
        );
        let object = self.object(&uid);
        let Body::Secret(_, data) = &mut object.body else {
            unreachable!("made above")
        };
        data.insert("username".into(), base64(app.as_bytes()));
        object.meta.labels.insert(
            "app.kubernetes.io/managed-by".into(),
            "database-operator".into(),
        );
        // Sorted, so that the bytes do not depend on how serde_json is built.
        object.meta.owner_references.push(json!({
            "apiVersion": DATABASE_VERSION, "blockOwnerDeletion": true, "controller": true,
            "kind": "Database", "name": owner.name, "uid": owner.uid,
        }));
        uid
    }

    /// The operator writes down what it sees of a database.
    pub(crate) fn set_status(&mut self, uid: &str, phase: &'static str) {
        self.write(uid);
        let now = self.now;
        let available = if phase == "Ready" { "True" } else { "False" };
        let Object { meta, body } = self.object(uid);
        let Body::Database(spec, status) = body else {
            unreachable!("only databases have a status")
        };
        let port = if spec.engine == "mysql" { 3_306 } else { 5_432 };
        let ready = phase == "Ready";
        let answering = if ready { spec.replicas } else { 0 };
        // A condition keeps its time while only its reason changes.
        let kept = status.as_ref().map(|status| &status.conditions[0]);
        let kept = kept.filter(|condition| condition["status"] == available);
        let since = kept.map_or_else(
            || json!(timestamp(now)),
            |condition| condition["lastTransitionTime"].clone(),
        );
        *status = Some(Status {
            phase,
            ready_replicas: answering,
            observed_generation: meta.generation.expect("databases have one"),
            endpoint: ready
                .then(|| format!("{}.{}.svc.cluster.local:{port}", meta.name, meta.namespace)),
            conditions: vec![json!({
                "type": "Available",
                "status": available,
                "reason": if ready { "AllReplicasReady" } else { phase },
                "message": format!("{answering} of {} replicas answer", spec.replicas),
                "lastTransitionTime": since,
            })],
        });
        meta.managed_fields.truncate(1);
        meta.managed_fields.push(managed(
            "database-operator",
            now,
            json!({"f:status": {}}),
            Some("status"),
        ));
    }
}

/// An entry of `managedFields`: who wrote which fields last.
fn managed(manager: &str, at: u64, fields: Value, subresource: Option<&str>) -> Value {
    let mut entry = json!({
        "manager": manager, "operation": "Update", "apiVersion": DATABASE_VERSION,
        "time": timestamp(at), "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if let Some(subresource) = subresource {
        entry["subresource"] = subresource.into();
    }
    entry
}

/// A map of these.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs
        .iter()
        .map(|&(key, value)| (key.into(), value.into()))
        .collect()
}

/// The settings of an application, one of them a file.
fn config(app: &str) -> Texts {
    let file =
        format!("server:\n  name: {app}\n  listen: 0.0.0.0:8080\ntracing:\n  sample: 0.05\n");
    texts(&[
        ("log_level", "info"),
        ("workers", "8"),
        ("queue_capacity", "256"),
        ("application.yaml", &file),
    ])
}

/// The switches of an application.
fn features() -> Texts {
    texts(&[
        ("flags.json", r#"{"new-cart":true,"dark-mode":false}"#),
        ("rollout_percent", "25"),
    ])
}
