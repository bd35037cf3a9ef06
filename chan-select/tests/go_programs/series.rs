//! test/chan/powser1: power series as parties that work on demand, joined by
//! channels. Terms are asked for and given; a product of two series is made of
//! sums and products of what is left of them, so a few terms of tan keep
//! hundreds of parties and selects busy. All is checked against what is known
//! of the series.

use std::collections::VecDeque;
use std::ops::{Add, Mul};

use crate::choose::choose;
use crate::worlds::{Ch, World, sized};

/// A fraction in lowest terms, its denominator above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rat(i64, i64);

impl Rat {
    fn new(num: i64, den: i64) -> Self {
        let (mut a, mut b) = (num.unsigned_abs(), den.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = den.signum() * i64::try_from(a).expect("small");
        Rat(num / divisor, den / divisor)
    }
}

impl Add for Rat {
    type Output = Rat;

    fn add(self, other: Rat) -> Rat {
        Rat::new(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
}

impl Mul for Rat {
    type Output = Rat;

    fn mul(self, other: Rat) -> Rat {
        Rat::new(self.0 * other.0, self.1 * other.1)
    }
}

/// Where the parties run, and what is closed when they shall end.
struct Lab<W> {
    w: W,
    quit: Ch<W, ()>,
}

impl<W: World> Clone for Lab<W> {
    fn clone(&self) -> Self {
        Lab {
            w: self.w.clone(),
            quit: self.quit.clone(),
        }
    }
}

/// A series: its terms come one after the other to whoever asks. All that
/// waits here waits in a select, for the end as well, of which `None` tells.
struct Series<W> {
    ask: Ch<W, ()>,
    give: Ch<W, Rat>,
}

impl<W: World> Clone for Series<W> {
    fn clone(&self) -> Self {
        Series {
            ask: self.ask.clone(),
            give: self.give.clone(),
        }
    }
}

impl<W: World> Series<W> {
    fn new(w: &W) -> Self {
        Series {
            ask: w.chan(0),
            give: w.chan(0),
        }
    }

    /// The next term.
    async fn get(&self, Lab { w, quit }: &Lab<W>) -> Option<Rat> {
        choose! { w;
            recv(quit) -> _ => return None,
            send(self.ask, ()) -> () => {},
        }
        choose! { w; recv(self.give) -> term => term, recv(quit) -> _ => None }
    }

    /// Gives a term to who asks next.
    async fn put(&self, Lab { w, quit }: &Lab<W>, term: Rat) -> Option<()> {
        choose! { w; recv(self.ask) -> _ => {}, recv(quit) -> _ => return None }
        choose! { w;
            send(self.give, term) -> () => Some(()),
            recv(quit) -> _ => None,
        }
    }
}

/// The next terms of two, asked for and taken in whatever order they come.
async fn get_two<W: World>(lab: &Lab<W>, series: [&Series<W>; 2]) -> Option<[Rat; 2]> {
    let mut asks = series.map(|series| Some(series.ask.clone()));
    let (mut gives, mut got) = ([None, None], [None, None]);
    loop {
        if let [Some(a), Some(b)] = got {
            return Some([a, b]);
        }
        let asked = choose! { lab.w;
            send(asks[0], ()) -> () => Some(0),
            send(asks[1], ()) -> () => Some(1),
            recv(gives[0]) -> term => { got[0] = term; gives[0] = None; None },
            recv(gives[1]) -> term => { got[1] = term; gives[1] = None; None },
            recv(lab.quit) -> _ => return None,
        };
        if let Some(n) = asked {
            asks[n] = None;
            gives[n] = Some(series[n].give.clone());
        }
    }
}

/// A series that a party makes by `$body`, which ends when `None` comes.
macro_rules! series {
    ($lab:ident, $out:ident => $body:block) => {{
        let $out = Series::new(&$lab.w);
        let made = $out.clone();
        $lab.w.clone().go(async move {
            let work = async { $body };
            let ended: Option<std::convert::Infallible> = work.await;
            assert!(ended.is_none(), "a series has no last term");
        });
        made
    }};
}

/// Each of two gets all terms of a series, at its own pace: what one has had
/// and the other not is kept. Both may be fed by terms that they wait for, so
/// all that can happen is waited for at once.
fn split_into<W: World>(lab: &Lab<W>, from: Series<W>, to: [Series<W>; 2]) {
    let lab = lab.clone();
    lab.w.clone().go(async move {
        let mut kept = [VecDeque::new(), VecDeque::new()];
        let (mut owed, mut asked) = ([false; 2], false);
        loop {
            let needed = (0..2).any(|n| owed[n] && kept[n].is_empty());
            let ask = (needed && !asked).then(|| from.ask.clone());
            let term = asked.then(|| from.give.clone());
            let asks: [_; 2] = std::array::from_fn(|n| (!owed[n]).then(|| to[n].ask.clone()));
            let heads = [0, 1].map(|n| kept[n].front().copied().filter(|_| owed[n]));
            let gives: [_; 2] = std::array::from_fn(|n| heads[n].map(|_| to[n].give.clone()));
            let nothing = Rat(0, 1);
            choose! { lab.w;
                recv(asks[0]) -> _ => owed[0] = true,
                recv(asks[1]) -> _ => owed[1] = true,
                send(ask, ()) -> () => asked = true,
                recv(term) -> term => {
                    asked = false;
                    kept.iter_mut().for_each(|kept| kept.extend(term));
                },
                send(gives[0], heads[0].unwrap_or(nothing)) -> () => {
                    owed[0] = false;
                    kept[0].pop_front();
                },
                send(gives[1], heads[1].unwrap_or(nothing)) -> () => {
                    owed[1] = false;
                    kept[1].pop_front();
                },
                recv(lab.quit) -> _ => break,
            }
        }
    });
}

fn split<W: World>(lab: &Lab<W>, from: Series<W>) -> [Series<W>; 2] {
    let to = [Series::new(&lab.w), Series::new(&lab.w)];
    split_into(lab, from, to.clone());
    to
}

/// The same term for ever: c/(1 - x).
fn constant<W: World>(lab: &Lab<W>, term: Rat) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        loop {
            out.put(&lab, term).await?;
        }
    })
}

fn sum<W: World>(lab: &Lab<W>, f: Series<W>, g: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        loop {
            let [a, b] = get_two(&lab, [&f, &g]).await?;
            out.put(&lab, a + b).await?;
        }
    })
}

fn scaled<W: World>(lab: &Lab<W>, factor: Rat, f: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        loop {
            let term = f.get(&lab).await?;
            out.put(&lab, factor * term).await?;
        }
    })
}

/// `first + x f`.
fn behind<W: World>(lab: &Lab<W>, first: Rat, f: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        out.put(&lab, first).await?;
        loop {
            let term = f.get(&lab).await?;
            out.put(&lab, term).await?;
        }
    })
}

fn derivative<W: World>(lab: &Lab<W>, f: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        f.get(&lab).await?;
        let mut n = 1;
        loop {
            let term = f.get(&lab).await?;
            out.put(&lab, Rat(n, 1) * term).await?;
            n += 1;
        }
    })
}

/// The integral whose value at 0 is this. Its first term asks for nothing, so
/// a series can be made from its own derivative.
fn integral<W: World>(lab: &Lab<W>, at_zero: Rat, f: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        out.put(&lab, at_zero).await?;
        let mut n = 1;
        loop {
            let term = f.get(&lab).await?;
            out.put(&lab, Rat(1, n) * term).await?;
            n += 1;
        }
    })
}

/// With f = a + xF and g = b + xG: fg = ab + x(aG + bF + xFG). Each term opens
/// a product of what is left.
fn product<W: World>(lab: &Lab<W>, f: Series<W>, g: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        let [a, b] = get_two(&lab, [&f, &g]).await?;
        out.put(&lab, a * b).await?;
        let [f, rest_of_f] = split(&lab, f);
        let [g, rest_of_g] = split(&lab, g);
        let sides = sum(&lab, scaled(&lab, a, g), scaled(&lab, b, f));
        let side = sides.get(&lab).await?;
        out.put(&lab, side).await?;
        let rest = product(&lab, rest_of_f, rest_of_g);
        loop {
            let [a, b] = get_two(&lab, [&sides, &rest]).await?;
            out.put(&lab, a + b).await?;
        }
    })
}

/// f(g), where g begins with 0: with f = a + xF and g = xG it is a + xG F(g).
fn composed<W: World>(lab: &Lab<W>, f: Series<W>, g: Series<W>) -> Series<W> {
    let lab = lab.clone();
    series!(lab, out => {
        let [g, tail] = split(&lab, g);
        let a = f.get(&lab).await?;
        out.put(&lab, a).await?;
        assert_eq!(tail.get(&lab).await?, Rat(0, 1));
        let rest = product(&lab, tail, composed(&lab, f, g));
        loop {
            let term = rest.get(&lab).await?;
            out.put(&lab, term).await?;
        }
    })
}

/// e to the f: the series with e' = e f' that begins with 1, if f begins
/// with 0.
fn exp<W: World>(lab: &Lab<W>, f: Series<W>) -> Series<W> {
    let [out, back] = [Series::new(&lab.w), Series::new(&lab.w)];
    let slope = product(lab, back.clone(), derivative(lab, f));
    split_into(lab, integral(lab, Rat(1, 1), slope), [out.clone(), back]);
    out
}

/// tan: the series with t' = 1 + t t that begins with 0.
fn tan<W: World>(lab: &Lab<W>) -> Series<W> {
    let [out, back] = [Series::new(&lab.w), Series::new(&lab.w)];
    let [left, right] = split(lab, back.clone());
    let one = behind(lab, Rat(1, 1), constant(lab, Rat(0, 1)));
    let slope = sum(lab, one, product(lab, left, right));
    split_into(lab, integral(lab, Rat(0, 1), slope), [out.clone(), back]);
    out
}

async fn begins<W: World>(lab: &Lab<W>, series: Series<W>, terms: &[(i64, i64)]) {
    for (n, &(num, den)) in terms.iter().enumerate() {
        let term = series.get(lab).await;
        assert_eq!(term, Some(Rat(num, den)), "term {n}");
    }
}

/// See the head of this file.
pub(crate) async fn go_powser1<W: World>(w: W) {
    for _ in 0..sized(1, 5) {
        let quit = w.chan(0);
        let lab = Lab { w: w.clone(), quit };
        let ones = || constant(&lab, Rat(1, 1));
        let whole = |terms: [i64; 7]| terms.map(|term| (term, 1));
        begins(&lab, ones(), &whole([1; 7])).await;
        begins(&lab, sum(&lab, ones(), ones()), &whole([2; 7])).await;
        let square = product(&lab, ones(), ones());
        begins(&lab, square, &whole([1, 2, 3, 4, 5, 6, 7])).await;
        let slope = derivative(&lab, ones());
        begins(&lab, slope, &whole([1, 2, 3, 4, 5, 6, 7])).await;
        // 1/(1 - y) at y = x/(1 - x) is (1 - x)/(1 - 2x).
        let inner = behind(&lab, Rat(0, 1), ones());
        let outer = composed(&lab, ones(), inner);
        begins(&lab, outer, &whole([1, 1, 2, 4, 8, 16, 32])).await;
        let linear = behind(
            &lab,
            Rat(0, 1),
            behind(&lab, Rat(1, 1), constant(&lab, Rat(0, 1))),
        );
        let e = [(1, 1), (1, 1), (1, 2), (1, 6), (1, 24), (1, 120), (1, 720)];
        begins(&lab, exp(&lab, linear), &e).await;
        let tans = [
            (0, 1),
            (1, 1),
            (0, 1),
            (1, 3),
            (0, 1),
            (2, 15),
            (0, 1),
            (17, 315),
        ];
        begins(&lab, tan(&lab), &tans).await;
        lab.quit.close();
    }
}
