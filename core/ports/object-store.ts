/**
 * Named, immutable blobs: staged files, checkpoints, data files, manifests. A folder or a bucket.
 * Names are relative, with `/`; `..`, empty parts and a leading `/` are refused.
 */
export interface ObjectStore {
  /** Durable when it resolves. Replaces an object of that name whole: a reader sees the old or the new bytes. */
  put(name: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
  /** Durable when it resolves true; false, with nothing written, where the name is taken. Of two callers one gets true. */
  putIfAbsent(name: string, body: Uint8Array): Promise<boolean>
  /** The bytes, or undefined where there is no such object. */
  get(name: string): Promise<Buffer | undefined>
  /** `length` bytes from `at`; fewer at the end of the object. Undefined where there is none. */
  getRange(name: string, at: number, length: number): Promise<Buffer | undefined>
  /** Nothing happens where there is no such object. */
  remove(name: string): Promise<void>
  /** Names that begin with `prefix`, sorted by code point. */
  list(prefix: string): Promise<readonly string[]>
  size(name: string): Promise<number | undefined>
  /**
   * A path in this machine's file system that holds the object's bytes now (DuckDB reads it). It stays, also where it is
   * a copy, until the object is removed here or `forgetLocal` is called.
   * @throws where there is no such object
   */
  localPath(name: string): Promise<string>
  /** The path is needed no more: a copy may go. Nothing happens where there is none. */
  forgetLocal(name: string): Promise<void>
}
