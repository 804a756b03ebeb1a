/** Names below a table's folder that are taken from metadata: what would leave the folder, or be refused by a store, is none. */

/** Whether the parts between `/` are names of files and folders: none empty, none that begins with a dot. */
export function isPlainName(name: string): boolean {
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !unfit.test(part))
}

// Another separator, and what the object stores refuse.
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
const unfit = /[\\\u0000-\u001f\u007f\ud800-\udfff\ufffe\uffff]/u
