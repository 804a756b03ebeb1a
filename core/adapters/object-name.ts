/** The one rule for names of objects, so that every adapter refuses the same ones. */

/**
 * The name itself.
 * @throws RangeError for an empty name, a leading or closing `/`, an empty, `.` or `..` part, a part that begins with a
 * dot (the store's own), a backslash or a NUL.
 */
export function checkedObjectName(name: string): string {
  for (const part of name.split('/')) {
    if (part === '' || part.startsWith('.') || part.includes('\\') || part.includes('\0')) {
      throw new RangeError(`not an object name: ${JSON.stringify(name)}`)
    }
  }
  return name
}
