/** One small file that a process keeps for its next start. What is in it can be lost at a cost, never at a harm. */
export interface KeptFile {
  /** Its bytes; undefined where it is not there. */
  read(): Promise<Buffer | undefined>
  /** Whoever reads finds the old bytes or the new ones, whole, whatever happens meanwhile. One call at a time. */
  replace(bytes: Uint8Array): Promise<void>
}
