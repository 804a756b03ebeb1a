/** The one rule for paths on a disk, so that every adapter refuses the same ones. */
import { DiskError } from '../ports/disk.ts'

/**
 * The path without a closing `/`; '' is the root itself.
 * @throws DiskError `EINVAL` for a path that is absolute, has an empty, `.` or `..` part, a backslash or a NUL: it could
 * leave the root, or mean two files on two systems.
 */
export function checkedDiskPath(path: string): string {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  if (bare === '' && path === '') return ''
  for (const part of bare.split('/')) {
    if (part === '' || part === '.' || part === '..' || part.includes('\\') || part.includes('\0')) {
      throw new DiskError('EINVAL', path)
    }
  }
  return bare
}

/** The folder a checked path lies in; '' is the root. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** Order by code point, which is the order of the UTF-8 bytes; JavaScript's own `<` orders by UTF-16 unit. */
export function byCodePoint(a: string, b: string): number {
  if (a === b) return 0
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
