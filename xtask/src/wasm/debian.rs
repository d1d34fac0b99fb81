//! Debian's Rust compiler for wasm32, for machines where rustup cannot fetch the standard library.
//!
//! Debian ships a second Rust (`rustc-web`) for its browsers, and the source of its standard library. Both are unpacked
//! into a folder of the user's cache, without installing anything; the standard library is compiled once with that
//! compiler, and put where the compiler looks for it:
//!
//! ```text
//! <cache>/rustc-web-<version>/usr/bin/rustc              starts libexec/rustc-real with the libraries beside it
//! <cache>/rustc-web-<version>/usr/bin/rust-lld           a link to the linker that came with rustup, or Debian's
//! <cache>/rustc-web-<version>/usr/lib/rustlib/wasm32-…   the compiled standard library
//! ```
//!
//! The compiler must build its own standard library: that of another version does not compile with it.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::toolchain::TARGET;
use crate::shell::{self, cargo, command, run_logged, timed};
use crate::{need, paths};

/// An unpacked compiler with its standard library.
#[derive(Debug)]
pub(crate) struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    /// Returns the compiler.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.folder.join("usr/bin/rustc")
    }

    /// Returns the linker.
    pub(crate) fn linker(&self) -> PathBuf {
        self.folder.join("usr/bin/rust-lld")
    }
}

/// Returns the unpacked compiler of the version that Debian offers, unpacking it and building its standard library if
/// that has not been done. Cost: about three minutes and 500 MB the first time.
///
/// # Errors
/// When Debian does not offer one, or a download or the build fails.
pub(crate) fn unpacked() -> Result<Unpacked> {
    let cache = paths::cache();
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    // Two checkouts may want it at once; the second waits here and then finds it made.
    let lock = File::create(cache.join("rustc-web.lock"))?;
    if lock.try_lock().is_err() {
        println!("    waiting for another build of the wasm toolchain to finish");
        lock.lock()?;
    }
    // Without the package lists nothing newer can be known, and an unpacked compiler is as good as ever.
    if let Some(folder) = newest(&cache) {
        return Ok(Unpacked { folder });
    }
    let version = offered()?;
    let name: String = version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    let folder = cache.join(format!("rustc-web-{name}"));
    let new = cache.join(format!("new-rustc-web-{name}"));
    println!(
        "{} the wasm toolchain: Debian's rustc-web {version}, unpacked into {} (once)",
        shell::bold("==>"),
        cache.display()
    );
    let _ = fs::remove_dir_all(&new);
    fs::create_dir_all(&new)?;
    timed("wasm toolchain: download and unpack", || unpack(&new))?;
    timed("wasm toolchain: build the standard library", || build_std(&new))?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&new, &folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(Unpacked { folder })
}

/// Returns the compiler in the cache with the highest version, if it is new enough for our code. A folder gets its name
/// only when it is complete.
fn newest(cache: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path());
    folders
        .filter(|path| path.join("usr/bin/rust-lld").exists())
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            let release = release_of(name.strip_prefix("rustc-web-")?)?;
            (release >= oldest()).then_some((release, path))
        })
        .max()
        .map(|(_, path)| path)
}

/// Returns the version that Debian offers. The package lists of a fresh machine may be empty, or know only the version
/// that the distribution began with: they are brought up to date before anything is given up.
fn offered() -> Result<String> {
    let is_new_enough = |version: &String| release_of(version).is_some_and(|release| release >= oldest());
    if let Some(version) = field("rustc-web", "Version").filter(is_new_enough) {
        return Ok(version);
    }
    timed("apt-get update (its lists know no rustc-web that is new enough)", update_lists)?;
    let version = field("rustc-web", "Version").context("Debian's package rustc-web is not to be had here")?;
    if !is_new_enough(&version) {
        let (major, minor) = oldest();
        bail!("Debian's rustc-web is {version} here, and {major}.{minor} is needed: run `rustup target add {TARGET}`");
    }
    Ok(version)
}

/// The oldest release that compiles our code: what the root `Cargo.toml` says.
fn oldest() -> (u32, u32) {
    release_of(env!("CARGO_PKG_RUST_VERSION")).unwrap_or_default()
}

/// Returns the first two numbers of a version.
fn release_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn unpack(folder: &Path) -> Result<()> {
    let std = dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(&std, "libllvm")?;
    let debs = folder.join("debs");
    fs::create_dir_all(&debs)?;
    let packages = ["rustc-web", "libstd-rust-web-dev", &std, "rust-web-src", &llvm];
    let download = |label| {
        let mut apt = command("apt-get");
        apt.args(["download", "-q"]).args(packages).current_dir(&debs);
        // Root's downloads are done by the user `_apt`, which cannot write here: apt says so and goes on as root.
        run_logged(label, &mut apt)
    };
    if download("wasm toolchain download").is_err() {
        update_lists()?;
        download("wasm toolchain download again")?;
    }
    for deb in fs::read_dir(&debs)? {
        unpack_one(&deb?.path(), folder)?;
    }
    fs::remove_dir_all(&debs)?;
    let usr = folder.join("usr");
    let _ = fs::remove_dir_all(usr.join("share"));
    let libexec = usr.join("libexec");
    fs::create_dir_all(&libexec)?;
    fs::rename(usr.join("bin/rustc"), libexec.join("rustc-real"))?;
    write_wrapper(&usr.join("bin/rustc"))?;
    if !shell::succeeds(command(usr.join("bin/rustc")).arg("--version")) {
        // Its libraries beyond LLVM are on most machines; where they are not, the installed LLVM brings them.
        need::programs(&[("no-such-program", &llvm)])?;
    }
    link_linker(&usr, &llvm)
}

fn unpack_one(deb: &Path, folder: &Path) -> Result<()> {
    let name = deb.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("rust-web-src_") {
        // The source of the standard library, not that of the compiler, which is ten times as large.
        let script = r#"dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --wildcards './usr/src/*/library/*' './usr/lib/rustlib/src/rust'"#;
        let mut sh = command("sh");
        sh.args(["-c", script]).arg(deb).arg(folder);
        return run_logged("wasm toolchain unpack source", &mut sh);
    }
    let mut dpkg = command("dpkg-deb");
    dpkg.arg("-x").arg(deb).arg(folder);
    run_logged("wasm toolchain unpack", &mut dpkg)
}

fn write_wrapper(path: &Path) -> Result<()> {
    let arch = std::env::consts::ARCH;
    let script = format!(
        "#!/bin/sh\n\
         d=$(CDPATH= cd -- \"$(dirname -- \"$0\")/..\" && pwd)\n\
         LD_LIBRARY_PATH=$d/lib/{arch}-linux-gnu${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec \"$d/libexec/rustc-real\" \"$@\"\n"
    );
    fs::write(path, script)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Links `rust-lld` to the linker that came with the user's Rust, which reads objects of the same LLVM, else to Debian's.
fn link_linker(usr: &Path, llvm: &str) -> Result<()> {
    let link = usr.join("bin/rust-lld");
    if let Some(linker) = rustup_linker() {
        return symlink(linker, link).context("cannot link the linker");
    }
    let versioned = format!("wasm-ld-{}", llvm.trim_start_matches("libllvm"));
    if shell::which("wasm-ld").is_none() {
        need::programs(&[(&versioned, &format!("lld-{}", llvm.trim_start_matches("libllvm")))])?;
    }
    let linker = shell::which("wasm-ld").or_else(|| shell::which(&versioned));
    symlink(linker.context("wasm-ld is missing: install Debian's lld")?, link).context("cannot link the linker")
}

fn rustup_linker() -> Option<PathBuf> {
    let sysroot = shell::read(command("rustc").args(["--print", "sysroot"])).ok()?;
    let folders = fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
    folders.flatten().map(|entry| entry.path().join("bin/rust-lld")).find(|path| path.is_file())
}

fn build_std(folder: &Path) -> Result<()> {
    let usr = folder.join("usr");
    let project = folder.join("stdbuild");
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(project.join("Cargo.toml"), STD_MANIFEST)?;
    let target = project.join("target");
    let mut build = cargo();
    build
        .args(["build", "--release", "--target", TARGET, "-Z", "build-std=std,panic_abort,test"])
        .current_dir(&project)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTC_WRAPPER")
        // A stable compiler builds its own standard library only when told that it may; this build alone is told.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", usr.join("bin/rustc"))
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    run_logged("wasm toolchain std", &mut build)?;
    let libraries = usr.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    let mut copied = 0;
    for entry in fs::read_dir(target.join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("lib") && name.ends_with(".rlib") && !name.starts_with("libstdbuild-") {
            fs::copy(&path, libraries.join(&name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("the build of the standard library left no libraries behind");
    }
    for leftover in [project, usr.join("src"), usr.join("lib/rustlib/src")] {
        let _ = fs::remove_dir_all(leftover);
    }
    Ok(())
}

fn update_lists() -> Result<()> {
    run_logged("apt-get update", command("apt-get").args(["update", "-q"]))
}

/// Returns the first dependency of a Debian package whose name starts so.
fn dependency(package: &str, prefix: &str) -> Result<String> {
    let depends =
        field(package, "Depends").with_context(|| format!("Debian's package {package} is not to be had here"))?;
    first_dependency(&depends, prefix)
        .with_context(|| format!("Debian's package {package} does not depend on {prefix}…: {depends}"))
}

fn first_dependency(depends: &str, prefix: &str) -> Option<String> {
    depends
        .split([',', '|'])
        .filter_map(|part| part.split_whitespace().next())
        .find(|name| name.starts_with(prefix))
        .map(|name| name.split(':').next().unwrap_or(name).to_owned())
}

/// Returns one field of a Debian package's description.
fn field(package: &str, name: &str) -> Option<String> {
    let mut show = command("apt-cache");
    show.args(["show", "--no-all-versions", package]);
    let text = show.output().ok().filter(|output| output.status.success())?.stdout;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
}

const STD_MANIFEST: &str = r#"[package]
name = "stdbuild"
version = "0.0.0"
edition = "2021"
[workspace]
[profile.release]
opt-level = 3
codegen-units = 1
panic = "abort"
"#;

#[cfg(test)]
mod tests {
    use super::{first_dependency, oldest, release_of};

    #[test]
    fn a_release_is_read_from_versions_of_packages_and_names_of_folders() {
        assert_eq!(release_of("1.96.0+dfsg1-1~deb12u2"), Some((1, 96)));
        assert_eq!(release_of("1.100.0_dfsg1_1_deb12u2"), Some((1, 100)));
        assert_eq!(release_of("unknown"), None);
        assert!(release_of("1.85.0+dfsg3-1~deb12u3") < Some(oldest()), "what Debian 12 began with is too old");
    }

    #[test]
    fn a_dependency_is_found_by_its_prefix() {
        let depends = "libc6 (>= 2.34), libstd-rust-web-1.96 (= 1.96.0), libllvm22:amd64 (>= 1:22) | other";
        assert_eq!(first_dependency(depends, "libstd-rust-web-").as_deref(), Some("libstd-rust-web-1.96"));
        assert_eq!(first_dependency(depends, "libllvm").as_deref(), Some("libllvm22"));
        assert_eq!(first_dependency(depends, "libz").as_deref(), None);
    }
}
