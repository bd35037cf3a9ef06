//! The life of a small cluster, as three watches see it.
//!
//! First the list, as a watch with `sendInitialEvents` begins: every living
//! object as `ADDED` in the order of names (so `resourceVersion`s are not in
//! order), closed by a bookmark, kind after kind. Then some three hundred
//! events in the order in which they happened, with bookmarks between them.
//!
//! What the stream promises, and a test of `operator` checks:
//! - from the end of the list on, `resourceVersion` grows with every event;
//! - an object is added once, keeps its uid, and is silent after its deletion;
//! - `generation` grows with the spec of a database and with the request to
//!   delete it, and with nothing else;
//! - a Secret with an owner comes after the owner and goes soon after it.
//!
//! Things take time: creating, changing and deleting a database are several
//! events, with others between them. What is still to come is a [`Plan`].

use crate::cluster::{APPLICATIONS, Cluster, POSTGRES, texts};
use crate::objects::{Body, DATABASE_VERSION, Object, bookmark, timestamp};

/// How many events there are at least. Plans that are under way then still
/// come to their end.
const EVENTS: usize = 400;

/// How many steps lie between two rounds of bookmarks.
const BOOKMARK_STEPS: u64 = 30;

/// The kinds, in the order of the three lists.
const KINDS: [(&str, &str); 3] = [
    ("ConfigMap", "v1"),
    ("Secret", "v1"),
    ("Database", DATABASE_VERSION),
];

/// The whole stream: one event a line.
pub(crate) fn watch_stream() -> String {
    let mut story = Story {
        cluster: Cluster::populated(),
        plans: Vec::new(),
        steps: 0,
        stream: String::new(),
        events: 0,
    };
    story.list();
    while story.events < EVENTS {
        story.step();
    }
    while !story.plans.is_empty() {
        story.step_of_a_plan();
    }
    story.bookmarks();
    story.stream
}

/// What will happen to an object, by uid.
#[derive(Clone)]
enum Plan {
    /// The operator takes up a new database.
    Provision(String),
    /// It makes the Secret with the database's password.
    Credentials(String),
    /// All servers answer.
    Settle(String),
    /// The operator sees that a database is to go.
    Terminate(String),
    /// The last backup is made, the finalizer is taken away.
    Release(String),
    /// The garbage collector deletes what the database owned.
    Collect(String),
}

/// The cluster, and what was told of it.
struct Story {
    cluster: Cluster,
    /// What will happen, and at which step at the earliest.
    plans: Vec<(u64, Plan)>,
    /// How many steps were made.
    steps: u64,
    /// Lines so far.
    stream: String,
    /// How many lines these are.
    events: usize,
}

impl Story {
    /// The three lists.
    fn list(&mut self) {
        self.cluster
            .objects
            .sort_by_key(|object| (object.meta.namespace.clone(), object.meta.name.clone()));
        for kind in KINDS {
            for object in self.cluster.objects.clone() {
                if object.type_meta() == kind {
                    self.tell(&object.event("ADDED"));
                }
            }
            self.tell(&bookmark(kind, self.cluster.revision, true));
        }
    }

    /// One thing happens: something planned that is due, or something new.
    fn step(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(BOOKMARK_STEPS) {
            self.bookmarks();
        }
        if self.plans.iter().any(|(due, _)| *due <= self.steps) {
            return self.step_of_a_plan();
        }
        match self.cluster.random.below(100) {
            0..34 => self.edit_config_map(),
            34..52 => self.rotate_secret(),
            52..72 => self.edit_database(),
            72..82 => self.begin_release(),
            82..90 => self.end_release(),
            90..95 => self.begin_database(),
            _ => self.end_database(),
        }
    }

    /// The plan that is due first comes true.
    fn step_of_a_plan(&mut self) {
        let first = (0..self.plans.len()).min_by_key(|&index| self.plans[index].0);
        let (_, plan) = self.plans.remove(first.expect("the caller has looked"));
        match plan {
            Plan::Provision(uid) => {
                self.cluster.set_status(&uid, "Provisioning");
                self.announce("MODIFIED", &uid);
                self.plan(1, Plan::Credentials(uid));
            }
            Plan::Credentials(uid) => {
                let secret = self.cluster.make_credentials(&uid);
                self.announce("ADDED", &secret);
                self.plan(2, Plan::Settle(uid));
            }
            Plan::Settle(uid) => {
                if self.cluster.is_unsettled(&uid) {
                    self.cluster.set_status(&uid, "Ready");
                    self.announce("MODIFIED", &uid);
                }
            }
            Plan::Terminate(uid) => {
                self.cluster.set_status(&uid, "Terminating");
                self.announce("MODIFIED", &uid);
                self.plan(3, Plan::Release(uid));
            }
            Plan::Release(uid) => {
                self.cluster.write(&uid).meta.finalizers.clear();
                self.delete(&uid);
                self.plan(1, Plan::Collect(uid));
            }
            Plan::Collect(owner) => {
                while let Some(owned) = self.cluster.find(|object| {
                    object
                        .meta
                        .owner_references
                        .iter()
                        .any(|reference| reference["uid"] == owner)
                }) {
                    self.cluster.write(&owned);
                    self.delete(&owned);
                }
            }
        }
    }

    /// Somebody changes a ConfigMap.
    fn edit_config_map(&mut self) {
        let named = |object: &Object, part: &str| object.meta.name.ends_with(part);
        let Some(uid) = self.cluster.find(|object| {
            matches!(object.body, Body::ConfigMap(_))
                && (named(object, "-config") || named(object, "-features"))
        }) else {
            return;
        };
        let change = self.cluster.random.between(1_000, 9_999);
        let (number, level) = (
            self.cluster.random.between(1, 64),
            *self.cluster.random.pick(&["debug", "info", "warn"]),
        );
        let object = self.cluster.write(&uid);
        object
            .meta
            .annotations
            .insert("demo.example.com/change".into(), format!("CHG-{change}"));
        let Body::ConfigMap(data) = &mut object.body else {
            unreachable!("looked for above")
        };
        match (data.contains_key("log_level"), change % 3) {
            (false, _) => data.insert("rollout_percent".into(), (number * 100 / 64).to_string()),
            (true, 0) => data.insert("log_level".into(), level.into()),
            (true, 1) => data.insert("workers".into(), number.to_string()),
            (true, _) => data.insert("queue_capacity".into(), (number * 16).to_string()),
        };
        self.announce("MODIFIED", &uid);
    }

    /// A password or a token is made anew.
    fn rotate_secret(&mut self) {
        let Some(uid) = self.cluster.find(|object| {
            matches!(object.body, Body::Secret(_, _)) && object.meta.name != "registry-pull"
        }) else {
            return;
        };
        let (value, at) = (self.cluster.random.secret(24), self.cluster.now);
        let object = self.cluster.write(&uid);
        object
            .meta
            .annotations
            .insert("demo.example.com/rotated-at".into(), timestamp(at));
        let Body::Secret(_, data) = &mut object.body else {
            unreachable!("looked for above")
        };
        let secret_keys = ["password", "token", "tls.key"];
        let key = secret_keys
            .into_iter()
            .find(|key| data.contains_key(*key))
            .expect("each has one");
        data.insert(key.into(), value);
        self.announce("MODIFIED", &uid);
    }

    /// Somebody changes the spec of a database; the operator settles it later.
    fn edit_database(&mut self) {
        let Some(uid) = self.cluster.find_database(|_| true) else {
            return;
        };
        let change = self.cluster.random.below(4);
        let object = self.cluster.write(&uid);
        object.meta.generation = object.meta.generation.map(|generation| generation + 1);
        let Body::Database(spec, _) = &mut object.body else {
            unreachable!("looked for above")
        };
        let size: u32 = spec
            .storage
            .trim_end_matches("Gi")
            .parse()
            .expect("sizes are in Gi");
        match (change, spec.version) {
            (0, "16.4") => spec.version = "16.6",
            (0, "8.0.39") => spec.version = "8.0.40",
            (1, _) if size < 200 => spec.storage = format!("{}Gi", size + 10),
            _ => spec.replicas = spec.replicas % 5 + 1,
        }
        self.announce("MODIFIED", &uid);
        self.plan(2, Plan::Settle(uid));
    }

    /// A release puts a ConfigMap of its own beside the others.
    fn begin_release(&mut self) {
        let (namespace, app, _) = *self.cluster.random.pick(&APPLICATIONS);
        let name = format!("release-{}", self.cluster.random.suffix(5));
        let data = texts(&[
            (
                "commit",
                &format!("{:012x}", self.cluster.random.next() >> 16),
            ),
            ("channel", "canary"),
        ]);
        let uid = self
            .cluster
            .create(namespace, app, &name, Body::ConfigMap(data));
        self.announce("ADDED", &uid);
    }

    /// A release is over.
    fn end_release(&mut self) {
        if let Some(uid) = self
            .cluster
            .find(|object| object.meta.name.contains("-release-"))
        {
            self.cluster.write(&uid);
            self.delete(&uid);
        }
    }

    /// Somebody wants a database for a preview.
    fn begin_database(&mut self) {
        let (namespace, app, engine) = *self.cluster.random.pick(&APPLICATIONS);
        let name = format!("preview-{}", self.cluster.random.suffix(4));
        let uid = self
            .cluster
            .create_database(namespace, app, &name, engine.unwrap_or(POSTGRES));
        self.announce("ADDED", &uid);
        self.plan(1, Plan::Provision(uid));
    }

    /// Somebody deletes a database; it stays until its last backup is made.
    fn end_database(&mut self) {
        let Some(uid) = self
            .cluster
            .find_database(|object| object.meta.name.contains("-preview-"))
            .or_else(|| self.cluster.find_database(|_| true))
        else {
            return;
        };
        let at = timestamp(self.cluster.now);
        let meta = &mut self.cluster.write(&uid).meta;
        meta.generation = meta.generation.map(|generation| generation + 1);
        meta.deletion_timestamp = Some(at);
        meta.deletion_grace_period_seconds = Some(0);
        self.announce("MODIFIED", &uid);
        self.plan(1, Plan::Terminate(uid));
    }
}

/// The tools of the story.
impl Story {
    /// A line of the stream.
    fn tell(&mut self, line: &str) {
        self.stream.push_str(line);
        self.stream.push('\n');
        self.events += 1;
    }

    /// An event about an object that was just written to.
    fn announce(&mut self, event_type: &str, uid: &str) {
        let line = self.cluster.object(uid).event(event_type);
        self.tell(&line);
    }

    /// The object is gone; the last write to it was its deletion.
    fn delete(&mut self, uid: &str) {
        self.announce("DELETED", uid);
        self.cluster.objects.retain(|object| object.meta.uid != uid);
    }

    /// A bookmark of each kind. Revisions pass also without events of ours.
    fn bookmarks(&mut self) {
        self.cluster.revision += self.cluster.random.between(1, 9);
        for kind in KINDS {
            self.tell(&bookmark(kind, self.cluster.revision, false));
        }
    }

    /// Something will happen some steps from now.
    fn plan(&mut self, steps: u64, plan: Plan) {
        let due = self.steps + steps + self.cluster.random.below(3);
        self.plans.push((due, plan));
    }
}
