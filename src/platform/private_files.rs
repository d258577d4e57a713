//! Files and folders that only popgate may read: passwords, keys and mail are in them.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A file that is created is its owner's alone.
pub fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    system::owner_only(options)
}

/// Makes a file that exists its owner's alone.
///
/// # Errors
/// The system's.
pub fn restrict(file: &File, path: &Path) -> io::Result<()> {
    system::restrict(file, path)
}

/// Creates a folder that only its owner can enter, and those above it.
///
/// # Errors
/// The system's.
pub fn create_folder(path: &Path) -> io::Result<()> {
    system::create_folder(path)
}

/// Gives a file that an administrator creates in another user's folder to that user: popgate must read it there.
///
/// # Errors
/// The system's.
pub fn given_to_owner(file: File, path: &Path) -> io::Result<File> {
    system::given_to_owner(file, path)
}

/// The account that owns a folder, unless it is the system, an administrator, a service, or the account of this process.
///
/// # Errors
/// The system's.
#[cfg(windows)]
pub fn foreign_owner(folder: &Path) -> io::Result<Option<String>> {
    system::foreign_owner(folder)
}

/// Who else can read or change a file that contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The one who can, as the subject of a sentence.
    pub who: String,
    /// What: "read", "write" or "use".
    pub may: &'static str,
    /// How the system says so, in brackets, or nothing.
    pub detail: String,
    /// Whether that is everybody on this machine.
    pub is_everybody: bool,
}

impl Exposure {
    /// Who else than popgate can read a file or change it; `None` if nobody can. On Unix a group may read it.
    ///
    /// # Errors
    /// The system's, also if there is no such file.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        system::exposure(path)
    }

    /// What to do about it: a command, for this file.
    pub fn fix(path: &Path) -> String {
        system::fix(path)
    }

    /// The same, if only what everybody may do is wrong.
    pub fn fix_for_everybody(path: &Path) -> String {
        system::fix_for_everybody(path)
    }
}

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{
        DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown,
    };
    use std::path::Path;

    use super::Exposure;

    pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    pub(super) fn restrict(file: &File, _: &Path) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o600))
    }

    pub(super) fn create_folder(path: &Path) -> io::Result<()> {
        let is_new = !path.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if is_new && let Some(owner) = owner(path, &std::fs::symlink_metadata(path)?) {
            lchown(path, Some(owner.0), Some(owner.1))?;
        }
        Ok(())
    }

    pub(super) fn given_to_owner(file: File, path: &Path) -> io::Result<File> {
        if let Some((user, group)) = owner(path, &file.metadata()?) {
            fchown(&file, Some(user), Some(group))?;
        }
        Ok(file)
    }

    /// The owner of the folder, if root owns the file and not the folder.
    fn owner(path: &Path, made: &Metadata) -> Option<(u32, u32)> {
        let folder = std::fs::metadata(path.parent()?).ok()?;
        (made.uid() == 0 && folder.uid() != 0).then(|| (folder.uid(), folder.gid()))
    }

    pub(super) fn exposure(path: &Path) -> io::Result<Option<Exposure>> {
        let mode = std::fs::metadata(path)?.mode();
        // A group with access to keys is usual; access for everybody is a mistake.
        if mode & 0o027 == 0 {
            return Ok(None);
        }
        let (who, may) = match (mode & 0o007, mode & 0o004) {
            (0, _) => ("its group", "write"),
            (_, 0) => ("everybody on this machine", "use"),
            _ => ("everybody on this machine", "read"),
        };
        Ok(Some(Exposure {
            who: who.to_owned(),
            may,
            detail: format!(" (mode {:04o})", mode & 0o7777),
            is_everybody: mode & 0o007 != 0,
        }))
    }

    pub(super) fn fix(path: &Path) -> String {
        let path = path.display();
        format!("run `chmod 600 {path}`, or `chmod 640 {path}` where popgate reads it by its group")
    }

    pub(super) fn fix_for_everybody(path: &Path) -> String {
        format!("run `chmod o= {}`", path.display())
    }
}

/// Files inherit the access list of their folder, and popgate's folders are made with one that is the owner's.
#[cfg(windows)]
mod system {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::path::Path;

    use windows_permissions::constants::{SeObjectType, SecurityInformation};
    use windows_permissions::wrappers::{
        ConvertSecurityDescriptorToStringSecurityDescriptor as text_of, ConvertSidToStringSid,
        ConvertStringSecurityDescriptorToSecurityDescriptor as parse, GetNamedSecurityInfo,
        SetNamedSecurityInfo,
    };

    use super::Exposure;
    use crate::platform::access_list::{is_trusted, private_list, who_else};

    pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(super) fn restrict(_: &File, path: &Path) -> io::Result<()> {
        protect(path)
    }

    pub(super) fn create_folder(path: &Path) -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(path)?;
        protect(path)
    }

    /// Replaces the access list: the owner, the system and the administrators, and nobody by inheritance.
    fn protect(path: &Path) -> io::Result<()> {
        let list = parse(&private_list(&owner(path)?, path.is_dir()))?;
        let file = SeObjectType::SE_FILE_OBJECT;
        let what = SecurityInformation::Dacl | SecurityInformation::ProtectedDacl;
        SetNamedSecurityInfo(path, file, what, None, None, list.dacl(), None)
    }

    /// As a SID.
    fn owner(path: &Path) -> io::Result<String> {
        let file = SeObjectType::SE_FILE_OBJECT;
        let about = GetNamedSecurityInfo(path, file, SecurityInformation::Owner)?;
        let owner = about
            .owner()
            .ok_or_else(|| io::Error::other("has no owner"))?;
        let owner = ConvertSidToStringSid(owner)?;
        Ok(owner.to_string_lossy().into_owned())
    }

    pub(super) fn foreign_owner(folder: &Path) -> io::Result<Option<String>> {
        let found = owner(folder)?;
        if is_trusted(&found) {
            return Ok(None);
        }
        // Who owns what this process makes depends on a policy of the system: a folder of its own shows it.
        let made = folder.with_extension(format!("{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&made)?;
        let own = owner(&made);
        std::fs::remove_dir(&made)?;
        Ok((own? != found).then_some(found))
    }

    /// Only within popgate's own folders are files made.
    pub(super) fn given_to_owner(file: File, _: &Path) -> io::Result<File> {
        Ok(file)
    }

    pub(super) fn exposure(path: &Path) -> io::Result<Option<Exposure>> {
        let what = SecurityInformation::Owner | SecurityInformation::Dacl;
        let about = GetNamedSecurityInfo(path, SeObjectType::SE_FILE_OBJECT, what)?;
        let list = text_of(&about, what)?;
        Ok(who_else(&list.to_string_lossy()).map(|access| Exposure {
            detail: String::new(),
            who: access.who,
            may: access.may,
            is_everybody: true,
        }))
    }

    pub(super) fn fix(path: &Path) -> String {
        let path = path.display();
        format!(
            "run `icacls \"{path}\" /inheritance:r /grant:r \"%USERNAME%:F\" \"*S-1-5-18:F\" \"*S-1-5-32-544:F\"`, and for \
             the service also `icacls \"{path}\" /grant \"NT SERVICE\\popgate:R\"`"
        )
    }

    pub(super) fn fix_for_everybody(path: &Path) -> String {
        fix(path)
    }
}
