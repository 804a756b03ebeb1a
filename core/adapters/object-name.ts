/** The one rule for names of objects, so that every adapter refuses the same ones. */

/**
 * The name itself.
 * @throws RangeError for an empty name, a leading or closing `/`, an empty, `.` or `..` part, a part that begins with a
 * dot (the store's own), a backslash, or a character that a bucket cannot list.
 */
export function checkedObjectName(name: string): string {
  for (const part of name.split('/')) {
    if (part === '' || part.startsWith('.') || part.includes('\\') || notInXml.test(part)) {
      throw new RangeError(`not an object name: ${JSON.stringify(name)}`)
    }
  }
  return name
}

// S3 lists names in XML, which has no place for control characters and halves of a surrogate pair.
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
const notInXml = /[\u0000-\u001f\u007f\ud800-\udfff\ufffe\uffff]/u
