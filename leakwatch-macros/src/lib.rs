//! The attribute `#[leakwatch::test]`. What it does is said at
//! `leakwatch::test`; here is how it is taken apart.
//!
//! A test function has no parameters and no generics, so its form is plain:
//! attributes, words, a name, `()`, perhaps a return type, and a body in
//! braces, which is the last thing. That is read with what the compiler brings;
//! a parser of all of Rust would be the largest dependency of every test that
//! uses this.
//!
//! ```text
//! #[leakwatch::test(grace = Duration::from_secs(5))]     #[test]
//! fn drains() -> Outcome { BODY }               becomes  fn drains() -> Outcome {
//!                                                            leakwatch::test::Config::new()
//!                                                                .grace(Duration::from_secs(5))
//!                                                                .run(move || -> Outcome { BODY })
//!                                                        }
//! ```
//!
//! An `async fn` is run by leakwatch's own executor (`.run_async`), unless an
//! attribute of another executor stands below ours: then the function stays
//! asynchronous and is theirs to run, and its body is watched (`.watch`).

#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

/// A test that fails if something that was born in it is stuck, or is still
/// there a grace after its end; see the module `leakwatch::test`.
///
/// In the parentheses stand methods of `leakwatch::test::Config` as
/// `name = argument`, or as `name` alone.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item).unwrap_or_else(|error| error.into_compile_error())
}

struct Error(Span, &'static str);

impl Error {
    fn into_compile_error(self) -> TokenStream {
        let Error(span, text) = self;
        let message = TokenTree::from(proc_macro::Literal::string(text));
        let tokens = path(span, &["core", "compile_error"], true)
            .chain([
                punct('!', Spacing::Alone, span),
                group(Delimiter::Brace, TokenStream::from(message), span),
            ])
            .map(|mut token| {
                token.set_span(span);
                token
            });
        tokens.collect()
    }
}

/// A function, taken apart.
struct Function {
    /// Everything before `async` or `fn`: attributes, `pub`.
    front: Vec<TokenTree>,
    is_async: bool,
    /// From `fn` to the body.
    signature: Vec<TokenTree>,
    /// The tokens after `->`, if there are any.
    output: Vec<TokenTree>,
    body: Group,
}

impl Function {
    fn parse(item: TokenStream) -> Result<Function, Error> {
        let mut tokens: Vec<TokenTree> = item.into_iter().collect();
        let not_a_function = |span| Error(span, "`#[leakwatch::test]` is for functions");
        let body = match tokens.pop() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group,
            Some(token) => return Err(not_a_function(token.span())),
            None => return Err(not_a_function(Span::call_site())),
        };
        let is_word = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
        let Some(start) = tokens.iter().position(|token| is_word(token, "fn")) else {
            return Err(not_a_function(body.span()));
        };
        let signature = tokens.split_off(start);
        let is_async = tokens.last().is_some_and(|token| is_word(token, "async"));
        if is_async {
            tokens.pop();
        }
        // `fn`, a name, and the parentheses.
        match signature.get(2) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                if !group.stream().is_empty() {
                    return Err(Error(group.span(), "a test takes no arguments"));
                }
            }
            Some(token) => return Err(Error(token.span(), "a test is not generic")),
            None => return Err(not_a_function(body.span())),
        }
        // `->` is two tokens.
        let output = signature.get(5..).unwrap_or_default().to_vec();
        Ok(Function {
            front: tokens,
            is_async,
            signature,
            output,
            body,
        })
    }

    /// Whether an attribute below ours makes a test of it: its last name is
    /// `test`, as in `#[tokio::test]`.
    fn is_somebody_elses(&self) -> bool {
        self.front.iter().any(|token| {
            let TokenTree::Group(group) = token else {
                return false;
            };
            let mut last = None;
            for token in group.stream() {
                match token {
                    TokenTree::Ident(ident) => last = Some(ident.to_string()),
                    TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                    _ => break,
                }
            }
            last.as_deref() == Some("test")
        })
    }
}

fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let function = Function::parse(item)?;
    let span = function.body.span();
    let theirs = function.is_somebody_elses();
    if theirs && !function.is_async {
        return Err(Error(span, "one attribute that makes a test is enough"));
    }
    let mut call: Vec<TokenTree> =
        path(span, &["leakwatch", "test", "Config", "new"], true).collect();
    call.push(group(Delimiter::Parenthesis, TokenStream::new(), span));
    for (method, argument) in methods(arguments)? {
        call.push(punct('.', Spacing::Alone, span));
        call.push(method.into());
        call.push(group(Delimiter::Parenthesis, argument, span));
    }
    let body = TokenTree::from(function.body.clone());
    let word = |text: &str| TokenTree::from(Ident::new(text, span));
    // The body comes last in each of these.
    let (method, wrapped): (&str, Vec<TokenTree>) = match (function.is_async, theirs) {
        (false, _) => {
            // `move || -> Output { … }`
            let mut closure = vec![
                word("move"),
                punct('|', Spacing::Alone, span),
                punct('|', Spacing::Alone, span),
            ];
            if !function.output.is_empty() {
                closure.push(punct('-', Spacing::Joint, span));
                closure.push(punct('>', Spacing::Alone, span));
                closure.extend(function.output.iter().cloned());
            }
            closure.push(body);
            ("run", closure)
        }
        // The future is made where it runs, so it need not be `Send`.
        (true, false) => (
            "run_async",
            vec![
                punct('|', Spacing::Alone, span),
                punct('|', Spacing::Alone, span),
                word("async"),
                word("move"),
                body,
            ],
        ),
        (true, true) => ("watch", vec![word("async"), word("move"), body]),
    };
    call.push(punct('.', Spacing::Alone, span));
    call.push(word(method));
    call.push(group(
        Delimiter::Parenthesis,
        wrapped.into_iter().collect(),
        span,
    ));
    if theirs {
        call.push(punct('.', Spacing::Alone, span));
        call.push(word("await"));
    }

    let mut out = Vec::new();
    if !theirs {
        let test = path(span, &["core", "prelude", "v1", "test"], true).collect();
        out.push(punct('#', Spacing::Alone, span));
        out.push(group(Delimiter::Bracket, test, span));
    }
    out.extend(function.front);
    if theirs {
        out.push(word("async"));
    }
    out.extend(function.signature);
    out.push(group(Delimiter::Brace, call.into_iter().collect(), span));
    Ok(out.into_iter().collect())
}

/// `name = argument, name, …` as methods.
fn methods(arguments: TokenStream) -> Result<Vec<(Ident, TokenStream)>, Error> {
    let mut methods = Vec::new();
    let mut tokens = arguments.into_iter();
    while let Some(token) = tokens.next() {
        let span = token.span();
        let wrong = Error(
            span,
            "expected `name = argument` or `name`, a method of `Config`",
        );
        let TokenTree::Ident(name) = token else {
            return Err(wrong);
        };
        let is_comma =
            |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => {}
            Some(comma) if !is_comma(&comma) => return Err(wrong),
            _ => {
                methods.push((name, TokenStream::new()));
                continue;
            }
        }
        let argument = tokens.by_ref().take_while(|token| !is_comma(token));
        methods.push((name, argument.collect()));
    }
    Ok(methods)
}

/// `::a::b`, or `a::b`.
fn path(span: Span, names: &[&str], global: bool) -> impl Iterator<Item = TokenTree> {
    let mut tokens = Vec::new();
    for (number, name) in names.iter().enumerate() {
        if number > 0 || global {
            tokens.push(punct(':', Spacing::Joint, span));
            tokens.push(punct(':', Spacing::Alone, span));
        }
        tokens.push(Ident::new(name, span).into());
    }
    tokens.into_iter()
}

fn punct(character: char, spacing: Spacing, span: Span) -> TokenTree {
    let mut punct = Punct::new(character, spacing);
    punct.set_span(span);
    punct.into()
}

fn group(delimiter: Delimiter, stream: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, stream);
    group.set_span(span);
    group.into()
}
