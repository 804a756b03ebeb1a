/** Watches how full the file system is, without asking it at every append. */
import type { Disk } from '../ports/disk.ts'

/** The file system is asked again after this many bytes were written. */
export const spaceCheckBytes = 4 * 1024 * 1024

export class SpaceWatch {
  #writtenSinceCheck = 0
  #full = false

  constructor(
    private readonly disk: Disk,
    private readonly diskMaxShare: number,
  ) {}

  /** True where, at the last look, more than the allowed share of the file system was in use. */
  get full(): boolean {
    return this.#full
  }

  /** Looks now. */
  async check(): Promise<void> {
    const { free, total } = await this.disk.space()
    this.#full = total > 0 && 1 - free / total > this.diskMaxShare
    this.#writtenSinceCheck = 0
  }

  /**
   * Tells of bytes written, and looks where enough of them came together. A look that fails changes nothing: the next
   * write will say itself whether the disk is in trouble.
   */
  async wrote(bytes: number): Promise<void> {
    this.#writtenSinceCheck += bytes
    if (this.#writtenSinceCheck >= spaceCheckBytes) await this.check().catch(() => undefined)
  }
}
