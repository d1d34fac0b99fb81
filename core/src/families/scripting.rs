//! EVAL, SCRIPT, FCALL, FUNCTION and their like: rows whose work is the interpreter's.

use crate::{
    command::{
        Args, Command, Context, Flags, FunctionAction, Group, Handler, Keys, ScriptAccess, ScriptAction, ScriptCommand,
    },
    error::Result,
};

/// A script may do anything, but what it does its commands say: the row itself neither reads nor writes.
const CALL: Flags = Flags::SERVER_ONLY.and(Flags::NO_SCRIPT);
/// Concerns all libraries, whoever they belong to.
const LIBRARIES: Flags = CALL.and(Flags::WRITE).and(Flags::ALL_KEYS);

const fn call(name: &'static str, handler: Handler) -> Command {
    Command::new(Group::Scripting, name, -3, CALL, Keys::Counted { at: 2 }, handler)
}

const fn script(name: &'static str, arity: i32, handler: Handler) -> Command {
    Command::new(Group::Scripting, name, arity, CALL, Keys::None, handler).inside("script")
}

const fn function(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::Scripting, name, arity, flags, Keys::None, handler).inside("function")
}

const DEPENDS: &str = "Depends on the script that is executed.";
const BODY: &str = "script numkeys [key [key ...]] [arg [arg ...]]";
const DIGEST: &str = "sha1 numkeys [key [key ...]] [arg [arg ...]]";
const NAMED: &str = "function numkeys [key [key ...]] [arg [arg ...]]";

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    call("eval", |ctx, args| eval(ctx, args, ScriptAccess::ReadWrite))
        .doc("2.6.0", DEPENDS, BODY, "Executes a server-side Lua script."),
    call("eval_ro", |ctx, args| eval(ctx, args, ScriptAccess::ReadOnly)).adding(Flags::READ)
        .doc("7.0.0", DEPENDS, BODY, "Executes a read-only server-side Lua script."),
    call("evalsha", |ctx, args| evalsha(ctx, args, ScriptAccess::ReadWrite))
        .doc("2.6.0", DEPENDS, DIGEST, "Executes a server-side Lua script by SHA1 digest."),
    call("evalsha_ro", |ctx, args| evalsha(ctx, args, ScriptAccess::ReadOnly)).adding(Flags::READ)
        .doc("7.0.0", DEPENDS, DIGEST, "Executes a read-only server-side Lua script by SHA1 digest."),
    call("fcall", |ctx, args| fcall(ctx, args, ScriptAccess::ReadWrite))
        .doc("7.0.0", "Depends on the function that is executed.", NAMED, "Invokes a function."),
    call("fcall_ro", |ctx, args| fcall(ctx, args, ScriptAccess::ReadOnly)).adding(Flags::READ)
        .doc("7.0.0", "Depends on the function that is executed.", NAMED, "Invokes a read-only function."),
    Command::new(Group::Scripting, "function", -2, CALL, Keys::None, super::help::container)
        .doc("7.0.0", "Depends on subcommand", "", "A container for function commands.")
        .with(&[
            function("delete", 3, LIBRARIES, |ctx, args| libraries(ctx, args, FunctionAction::Delete))
                .doc("7.0.0", "O(1)", "library-name", "Deletes a library and its functions."),
            function("dump", 2, CALL, |ctx, args| libraries(ctx, args, FunctionAction::Dump))
                .doc("7.0.0", "O(N) where N is the number of functions", "", "Dumps all libraries into a serialized binary payload."),
            function("flush", -2, LIBRARIES, |ctx, args| libraries(ctx, args, FunctionAction::Flush))
                .doc("7.0.0", "O(N) where N is the number of functions deleted", "[ASYNC | SYNC]", "Deletes all libraries and functions."),
            function("help", 2, CALL, super::help::reply_help)
                .doc("7.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            function("kill", 2, CALL, |ctx, args| libraries(ctx, args, FunctionAction::Kill))
                .doc("7.0.0", "O(1)", "", "Terminates a function during execution."),
            function("list", -2, CALL, |ctx, args| libraries(ctx, args, FunctionAction::List))
                .doc("7.0.0", "O(N) where N is the number of functions", "[LIBRARYNAME library-name-pattern] [WITHCODE]", "Returns information about all libraries."),
            function("load", -3, LIBRARIES.and(Flags::DENYOOM), |ctx, args| libraries(ctx, args, FunctionAction::Load))
                .doc("7.0.0", "O(1) (considering compilation time is redundant)", "[REPLACE] function-code", "Creates a library."),
            function("restore", -3, LIBRARIES.and(Flags::DENYOOM), |ctx, args| libraries(ctx, args, FunctionAction::Restore))
                .doc("7.0.0", "O(N) where N is the number of functions on the payload", "serialized-value [FLUSH | APPEND | REPLACE]", "Restores all libraries from a payload."),
            function("stats", 2, CALL, |ctx, args| libraries(ctx, args, FunctionAction::Stats))
                .doc("7.0.0", "O(1)", "", "Returns information about a function during execution."),
        ]),
    Command::new(Group::Scripting, "script", -2, CALL, Keys::None, super::help::container)
        .doc("2.6.0", "Depends on subcommand", "", "A container for Lua scripts management commands.")
        .with(&[
            script("debug", 3, |ctx, args| scripts(ctx, args, ScriptAction::Debug))
                .doc("3.2.0", "O(1)", "<YES | SYNC | NO>", "Refuses to debug scripts, which this server can't."),
            script("exists", -3, |ctx, args| scripts(ctx, args, ScriptAction::Exists))
                .doc("2.6.0", "O(N) with N being the number of scripts to check", "sha1 [sha1 ...]", "Determines whether server-side Lua scripts exist in the script cache."),
            script("flush", -2, |ctx, args| scripts(ctx, args, ScriptAction::Flush))
                .doc("2.6.0", "O(N) with N being the number of scripts in cache", "[ASYNC | SYNC]", "Removes all server-side Lua scripts from the script cache."),
            script("help", 2, super::help::reply_help)
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            script("kill", 2, |ctx, args| scripts(ctx, args, ScriptAction::Kill))
                .doc("2.6.0", "O(1)", "", "Terminates a server-side Lua script during execution."),
            script("load", 3, |ctx, args| scripts(ctx, args, ScriptAction::Load))
                .doc("2.6.0", "O(N) with N being the length in bytes of the script body", "script", "Loads a server-side Lua script to the script cache."),
        ]),
];

fn eval(ctx: &mut Context<'_>, args: &mut Args<'_>, access: ScriptAccess) -> Result<()> {
    ctx.interpret(ScriptCommand::Eval(access), args)
}

fn evalsha(ctx: &mut Context<'_>, args: &mut Args<'_>, access: ScriptAccess) -> Result<()> {
    ctx.interpret(ScriptCommand::EvalSha(access), args)
}

fn fcall(ctx: &mut Context<'_>, args: &mut Args<'_>, access: ScriptAccess) -> Result<()> {
    ctx.interpret(ScriptCommand::Fcall(access), args)
}

fn scripts(ctx: &mut Context<'_>, args: &mut Args<'_>, action: ScriptAction) -> Result<()> {
    ctx.interpret(ScriptCommand::Script(action), args)
}

fn libraries(ctx: &mut Context<'_>, args: &mut Args<'_>, action: FunctionAction) -> Result<()> {
    ctx.interpret(ScriptCommand::Function(action), args)
}
