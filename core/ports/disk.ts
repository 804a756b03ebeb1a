/**
 * A folder of files, as little of it as a log and a lake need, with the durability rules of a real disk: bytes are safe
 * after `datasync` of their file, a name is safe after `syncFolder` of its folder, and nothing else is. All paths are
 * relative to the disk's root, with `/`; a path that leaves the root is refused.
 *
 * Errors are `DiskError` with `code` as the system names it (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, …).
 */
export interface Disk {
  /**
   * Opens a file. `create` makes a new one and fails with EEXIST where the name is taken (exclusive: of two callers one
   * succeeds); `read` and `write` open an existing one, `write` for reading too.
   */
  open(path: string, mode: 'create' | 'read' | 'write'): Promise<DiskFile>
  /** Atomic; replaces a file of the new name. Safe only after `syncFolder` of both folders. */
  rename(from: string, to: string): Promise<void>
  /** Atomic; makes a second name for a file and fails with EEXIST where it is taken. Safe after `syncFolder`. */
  link(from: string, to: string): Promise<void>
  /** Fails with ENOENT where there is no such file. */
  remove(path: string): Promise<void>
  /** Names in a folder, sorted; empty where there is no such folder. Folders end with `/`. */
  list(folder: string): Promise<readonly string[]>
  /** Makes a folder and those above it, durably. */
  makeFolder(folder: string): Promise<void>
  syncFolder(folder: string): Promise<void>
  /** Bytes, or undefined where there is no such file. */
  size(path: string): Promise<number | undefined>
  /** Bytes left for us, and the size of the whole file system. */
  space(): Promise<{ readonly free: number; readonly total: number }>
  /** A path in this machine's file system where other programs (DuckDB) find the file's bytes; read only. */
  localPath(path: string): Promise<string>
}

export interface DiskFile {
  /** Writes all of `bytes` at `at`. After a failure any part of it may be there. */
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Reads up to `length` bytes at `at`; fewer only at the end of the file. */
  read(length: number, at: number): Promise<Buffer>
  truncate(size: number): Promise<void>
  /** When it resolves, all bytes written before the call are on disk. After a failure they may never be: do not ask again. */
  datasync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export class DiskError extends Error {
  override readonly name = 'DiskError'
  constructor(
    readonly code: string,
    readonly path: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${path}`, options)
  }
}
