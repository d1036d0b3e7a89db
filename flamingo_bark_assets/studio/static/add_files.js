// Files that a person drops or chooses, each with its path below what was dropped.

/** Give the files of an `<input type=file>`: [{file, path}]. */
export function ofInput(input) {
  return Array.from(input.files, (file) => ({file, path: file.webkitRelativePath || file.name}));
}

/** Give the files of a drop, folders walked through: [{file, path}], and what could not be read. */
export async function ofDrop(transfer) {
  // Entries must be taken before the first await: the list of the drop is empty afterwards.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = {files: [], unread: []};
  if (entries.length === 0) {
    found.files = Array.from(transfer.files, (file) => ({file, path: file.name}));
    return found;
  }
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\/+/, "");
  try {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.files.push({file, path});
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A browser gives a hundred at a time.
      const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (entries.length === 0) return;
      for (const each of entries) await walk(each, found);
    }
  } catch {
    found.unread.push(path);
  }
}

/** Tell whether a file is one that systems put beside others and nobody means. */
export function isNobodys(path) {
  return path.split("/").some((part) => part.startsWith(".") || ["__MACOSX", "Thumbs.db", "desktop.ini"].includes(part));
}
