//! Users written down: in an ACL file, or in the configuration, a line each.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;

use super::rules::{Refusal, merged};
use crate::{
    acl::{User, Users, end_sessions},
    command::{Args, Context},
    error::{Error, Result},
};

const NO_FILE: Error = Error::new(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.",
);

pub(super) fn load(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    if !ctx.users.has_file() {
        return Err(NO_FILE);
    }
    let users = ctx.users.read_file().map_err(|why| Error::owned(format!("ERR {why}")))?;
    let gone = ctx.users.replace_all(users);
    end_sessions(ctx.sessions, ctx.errands, ctx.session, |_, session| {
        session.user.is_some_and(|user| gone.contains(&user))
    });
    ctx.users.refresh(ctx.sessions);
    ctx.reply.ok();
    Ok(())
}

pub(super) fn save(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    if !ctx.users.has_file() {
        return Err(NO_FILE);
    }
    let text = ctx.users.lines().iter().fold(String::new(), |text, line| text + line + "\n");
    let written = ctx.users.store.as_mut().map_or(Ok(()), |store| store.write(&text));
    written.map_err(|why| Error::owned(format!("ERR There was an error trying to save the ACLs: {why}")))?;
    ctx.reply.ok();
    Ok(())
}

impl Users {
    /// Whether there is a file to load users from.
    pub fn has_file(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.file().is_some())
    }

    /// Replaces all users by those of the ACL file.
    ///
    /// # Errors
    /// What is wrong with the file, line by line; then nothing has changed.
    pub fn load_file(&mut self) -> Result<(), String> {
        let users = self.read_file()?;
        self.replace_all(users);
        Ok(())
    }

    /// All users, each as a line `user name rule …`.
    pub fn lines(&self) -> Vec<String> {
        self.all().iter().map(|user| user.describe()).collect()
    }

    /// Whether anything but the default user's password was set.
    pub fn is_plain(&self) -> bool {
        let plain = |user: &User| {
            let fresh = User { passwords: user.passwords.clone(), nopass: user.nopass, ..User::default_user() };
            user.describe() == fresh.describe()
        };
        self.all().as_slice().iter().all(|user| plain(user))
    }

    /// Defines a user by the words after `user` in a line of the configuration. The default one is replaced.
    ///
    /// # Errors
    /// The rule that can't be followed, and why.
    pub fn define(&mut self, words: &[&[u8]]) -> Result<(), String> {
        let Some((name, rules)) = words.split_first() else { return Err("a user has a name".into()) };
        if !super::is_name(name) {
            return Err("Spaces not allowed in ACL usernames".into());
        }
        if *name != b"default" && self.find(name).is_some() {
            return Err("Duplicate user found. A user can only be defined once in config files".into());
        }
        let mut user = User::new(name, self.all_channels);
        let rules = merged(rules).map_err(|start| {
            format!("Unmatched parenthesis in acl selector starting at '{}'.", String::from_utf8_lossy(start))
        })?;
        for rule in rules {
            user.apply(&rule, self.all_channels)
                .map_err(|Refusal(why)| format!("Error in '{}': {why}", String::from_utf8_lossy(&rule)))?;
        }
        self.put(user);
        Ok(())
    }

    /// Sets whether users that are defined from now on begin with all channels.
    pub fn begin_with_all_channels(&mut self, all_channels: bool) {
        self.all_channels = all_channels;
    }

    fn read_file(&mut self) -> Result<Vec<User>, String> {
        let Some(store) = &mut self.store else { return Err("there is no ACL file".into()) };
        let name = store.file().unwrap_or_default().to_string();
        let text = store.read().map_err(|why| format!("Error loading ACLs, opening file '{name}': {why}"))?;
        self.read_lines(&name, &text)
    }

    /// Reads an ACL file's text. Every line that is wrong is told of.
    fn read_lines(&self, file: &str, text: &str) -> Result<Vec<User>, String> {
        let mut users: Vec<User> = Vec::new();
        let mut errors = String::new();
        for (index, line) in text.lines().enumerate() {
            // Writing to a string can't fail.
            match self.read_line(line.trim(), &users) {
                Ok(user) => users.extend(user),
                Err(Wrong::Duplicate(name)) => {
                    _ = write!(errors, "WARNING: Duplicate user '{name}' found on line {}. ", index + 1);
                }
                Err(Wrong::Line(why)) => _ = write!(errors, "{file}:{}{why} ", index + 1),
            }
        }
        if errors.is_empty() {
            return Ok(users);
        }
        errors += "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
        Err(errors)
    }

    fn read_line(&self, line: &str, before: &[User]) -> Result<Option<User>, Wrong> {
        let words: Vec<&[u8]> = line.split(' ').map(|word| word.trim().as_bytes()).collect();
        let (name, rules) = match words.as_slice() {
            [b""] => return Ok(None),
            [b"user", name, rules @ ..] => (*name, rules),
            _ => return Err(Wrong::Line(" should start with user keyword followed by the username.".into())),
        };
        let shown = String::from_utf8_lossy(name);
        if !super::is_name(name) {
            return Err(Wrong::Line(format!(": username '{shown}' contains invalid characters.")));
        }
        if before.iter().any(|user| *user.name == *name) {
            return Err(Wrong::Duplicate(shown.into_owned()));
        }
        let rules = merged(rules).map_err(|_| Wrong::Line(": Unmatched parenthesis in selector definition.".into()))?;
        let mut user = User::new(name, self.all_channels);
        let mut errors = Vec::new();
        for rule in rules {
            match user.apply(&rule, self.all_channels) {
                Ok(()) => {}
                // A name of a command is no secret; other rules may be.
                Err(why @ Refusal(text)) if why == Refusal::UNKNOWN => {
                    let rule = String::from_utf8_lossy(&rule).into_owned();
                    errors.push(format!(": Error in applying operation '{rule}': {text}."));
                }
                Err(Refusal(text)) => errors.push(format!(": {text}.")),
            }
        }
        match errors.is_empty() {
            true => Ok(Some(user)),
            false => Err(Wrong::Line(errors.join(" "))),
        }
    }
}

/// What is wrong with a line.
enum Wrong {
    /// A user that an earlier line has defined.
    Duplicate(String),
    /// Anything else, to be said after the line's number.
    Line(String),
}
