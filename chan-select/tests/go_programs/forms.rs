//! test/chan/select5: every form of a case in every company, and what is
//! evaluated of it, once and in source order. Go generates a program; here a
//! macro writes out the forms.

use std::sync::Mutex;

use crate::choose::on;
use crate::worlds::{Ch, World};

/// What has been evaluated, in order.
#[derive(Default)]
struct Trace(Mutex<Vec<&'static str>>);

impl Trace {
    fn pass<T>(&self, name: &'static str, value: T) -> T {
        self.0.lock().unwrap().push(name);
        value
    }

    /// Demands that these have been evaluated since the last call.
    #[track_caller]
    fn was(&self, before: &[&str], case: &[&str], after: &[&str]) {
        let seen = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(seen, [before, case, after].concat());
    }
}

/// The channels of a form.
struct Parts<W> {
    /// The one that the case is about: with a 7 in it, and room for one more.
    it: Ch<W, u32>,
    closed: Ch<W, u32>,
    quiet: Ch<W, u32>,
    nil: Ch<W, u32>,
}

impl<W: World> Parts<W> {
    fn new(w: &W) -> Self {
        let closed = w.chan(0);
        closed.close();
        let (it, quiet, nil) = (w.chan(2), w.chan(0), Ch::nil());
        Parts {
            it,
            closed,
            quiet,
            nil,
        }
    }

    fn it(&self) -> &Ch<W, u32> {
        &self.it
    }

    /// One value in the channel, and what a send has left is out.
    fn prepare(&self) {
        while self.it.try_recv().is_ok() {}
        assert!(self.it.try_send(7).is_ok());
    }
}

/// One case, which is ready, alone and beside others that are not; each time
/// its names are evaluated, between those of its neighbours. `left` is
/// evaluated after all the others, as part of its body.
macro_rules! forms {
    ($t:ident, $p:ident, [$($name:literal)*] [$($left:literal)*] $($case:tt)*) => {
        $p.prepare();
        on! { $($case)* }
        $t.was(&[], &[$($name,)* $($left),*], &[]);

        $p.prepare();
        on! { $($case)* default => unreachable!() }
        $t.was(&[], &[$($name,)* $($left),*], &[]);

        $p.prepare();
        on! { recv($t.pass("before", &$p.quiet)) -> _ => unreachable!(), $($case)* }
        $t.was(&["before"], &[$($name,)* $($left),*], &[]);

        $p.prepare();
        on! { $($case)* recv($t.pass("after", &$p.quiet)) -> _ => unreachable!() }
        $t.was(&[], &[$($name),*], &["after", $($left),*]);

        $p.prepare();
        on! {
            send($t.pass("nil", &$p.nil), $t.pass("value", 1)) -> () => unreachable!(),
            $($case)*
            recv($t.pass("after", &$p.nil)) -> _ => unreachable!(),
        }
        $t.was(&["nil", "value"], &[$($name),*], &["after", $($left),*]);

        $p.prepare();
        on! {
            default => unreachable!(),
            recv($t.pass("before", &$p.quiet)) -> _ => unreachable!(),
            $($case)*
            send($t.pass("quiet", &$p.quiet), $t.pass("value", 1)) -> () => unreachable!(),
        }
        $t.was(&["before"], &[$($name),*], &["quiet", "value", $($left),*]);
    };
}

/// See the head of this file.
pub(crate) async fn go_select5<W: World>(w: W) {
    let (t, p) = (Trace::default(), Parts::new(&w));
    receives(&t, &p).await;
    ends(&t, &p).await;
    sends(&t, &p).await;
    pairs(&t, &p).await;
}

async fn receives<W: World>(t: &Trace, p: &Parts<W>) {
    forms! { t, p, ["chan"] [] recv(t.pass("chan", &p.it)) -> _ => {} }
    forms! { t, p, ["chan"] [] recv(t.pass("chan", p.it())) -> _ => (), }
    forms! { t, p, ["chan"] [] recv({ t.pass("chan", p).it() }) -> v => assert_eq!(v, Some(7)), }
    forms! { t, p, ["chan"] ["left"]
        recv(t.pass("chan", &p.it)) -> value => assert_eq!(t.pass("left", value), Some(7)),
    }
    let mut place = [0, 0];
    forms! { t, p, ["chan"] ["index"]
        recv(t.pass("chan", &&p.it),) -> value => place[t.pass("index", 1)] = value.unwrap(),
    }
    assert_eq!(place, [0, 7]);
}

async fn ends<W: World>(t: &Trace, p: &Parts<W>) {
    forms! { t, p, ["closed"] [] recv(t.pass("closed", &p.closed)) -> _ => {} }
    forms! { t, p, ["closed"] ["left"]
        recv(t.pass("closed", &p.closed)) -> end => assert_eq!(t.pass("left", end), None),
    }
}

async fn sends<W: World>(t: &Trace, p: &Parts<W>) {
    forms! { t, p, ["value"] [] send(p.it, t.pass("value", 8)) -> () => {} }
    forms! { t, p, ["chan"] [] send(t.pass("chan", p.it()), 8) -> _ => (), }
    forms! { t, p, ["chan" "one" "two"] []
        send(t.pass("chan", &p.it), t.pass("one", 4) + t.pass("two", 4),) -> () => {}
    }
    forms! { t, p, ["chan" "value"] ["body"]
        send(t.pass("chan", &p.it), t.pass("value", 8)) -> () => {
            assert_eq!(p.it.try_recv(), Ok(Some(7)));
            assert_eq!(t.pass("body", p.it.try_recv()), Ok(Some(8)));
        }
    }
    // A receive may be part of the value.
    forms! { t, p, ["chan" "value"] []
        send(t.pass("chan", &p.it), t.pass("value", p.it.try_recv().unwrap().unwrap()) + 1)
            -> () => assert_eq!(p.it.try_recv(), Ok(Some(8))),
    }
}

/// Two that are ready: both are evaluated, one runs.
async fn pairs<W: World>(t: &Trace, p: &Parts<W>) {
    let mut ran = [0, 0];
    for _ in 0..200 {
        p.prepare();
        let before = ran[0] + ran[1];
        on! {
            recv(t.pass("recv", &p.it)) -> value => {
                assert_eq!(value, Some(7));
                ran[0] += t.pass("left", 1);
            }
            send(t.pass("send", &p.it), t.pass("value", 8)) -> () => ran[1] += t.pass("left", 1),
        }
        assert_eq!(ran[0] + ran[1], before + 1);
        t.was(&["recv"], &["send", "value"], &["left"]);
    }
    assert!(ran[0] > 0 && ran[1] > 0, "{ran:?}");
}
