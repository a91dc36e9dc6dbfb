// SPDX-License-Identifier: Apache-2.0
// Files out of a drop, a paste or a file dialog; folders are walked to their leaves.

export interface Named {
  file: File;
  /** With the folders it was in: "holiday/1.jpg". */
  path: string;
}

function entriesOf(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function walk(entry: FileSystemEntry, into: Named[]): Promise<void> {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject));
    into.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await entriesOf(reader);
    if (!some.length) return;
    for (const one of some) await walk(one, into);
  }
}

/** Must be called within the event's own turn: a browser forgets a drop after it. */
export async function filesOf(data: DataTransfer): Promise<Named[]> {
  const entries: FileSystemEntry[] = [];
  const loose: File[] = [];
  for (const item of data.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry) entries.push(entry);
    else {
      const file = item.getAsFile();
      if (file) loose.push(file);
    }
  }
  const found: Named[] = loose.map((file) => ({ file, path: file.name }));
  for (const entry of entries) await walk(entry, found);
  return found;
}

export function filesOfList(list: FileList | null): Named[] {
  return [...(list ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}
