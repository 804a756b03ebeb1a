/**
 * Reading a file of this machine without waiting: dedupe decides on a hit synchronously, and what it has to look up in a
 * saved segment is one block that is nearly always in the system's page cache. `adapters/local/node-sync-reader.ts` reads
 * by file descriptors it keeps open.
 */
export interface SyncReader {
  /** Fills `into` from byte `at` of the file; how many bytes there were. Throws as the system does. */
  readAt(path: string, into: Uint8Array, at: number): number
  /** The file goes, or is another one from now on: nothing of it may be kept. */
  forget(path: string): void
}
