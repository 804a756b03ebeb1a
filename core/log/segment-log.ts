/**
 * The segment log: the one place where a hit becomes durable. Appends that come while a sync runs wait together and are
 * written and synced as the next *group*, one group at a time, so a crash can damage the last group only, and none of its
 * records was acknowledged.
 *
 * A write or sync that fails is never repeated on the same pages (Linux marks them clean, and the second fdatasync would
 * say yes to bytes that are on no disk: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020): the
 * group is refused, the segment cut to what is durable, and the log goes on in a new one.
 *
 * Delivery: `append` resolves when the record is on disk; a rejected record is in the log for nobody, and its offset is
 * used again. Back pressure: at `queueMaxBytes`, `maxBytes` or `diskMaxShare` appends are refused at once.
 */
import { LogUnavailableError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { DiskError } from '../ports/disk.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { GroupBuffer } from './group-buffer.ts'
import { type RecoveredLog, recoverLog } from './recover-log.ts'
import { SegmentChain } from './segment-chain.ts'
import { createSegment } from './segment-file.ts'
import { frameHeaderBytes, payloadLimitBytes } from './segment-format.ts'
import {
  defaultDiskMaxShare,
  defaultLogMaxBytes,
  defaultQueueMaxBytes,
  defaultRecordMaxBytes,
  defaultReopenDelayMs,
  defaultSegmentMaxBytes,
  type SegmentLogOptions,
} from './segment-log-options.ts'
import { SpaceWatch } from './space-watch.ts'

/**
 * The log in `folder`; a new one where the folder is empty. When it resolves, every record it found is on disk.
 * @throws CorruptLogError where the files are such as no crash can leave
 * @throws DiskError
 */
export async function openSegmentLog(options: SegmentLogOptions): Promise<HitLog> {
  const { disk, folder, random, onEvent } = options
  await disk.makeFolder(folder)
  const recovered = (await recoverLog(disk, folder)) ?? {
    sealed: [],
    active: await createSegment(options, {
      id: Buffer.from(random.bytes(16)).toString('hex'),
      salt: Buffer.from(random.bytes(4)).readUInt32LE(0),
      base: 0 as Offset,
      previous: null,
    }),
    next: 0 as Offset,
    cut: null,
  }
  if (recovered.cut) onEvent?.({ kind: 'tail-cut', ...recovered.cut })
  const space = new SpaceWatch(disk, options.diskMaxShare ?? defaultDiskMaxShare)
  await space.check()
  return new SegmentLog(options, recovered, space)
}

class SegmentLog implements HitLog {
  readonly id: string
  readonly #chain: SegmentChain
  #durable: number
  #next: number
  #filling: GroupBuffer
  #spare: GroupBuffer
  /** Of the group that is being written. */
  #writingBytes = 0
  /** The loop that writes groups, while it runs. */
  #working: Promise<void> | undefined
  #trimming: Promise<void> = Promise.resolve()
  #trouble: 'full' | 'failed' | undefined
  #limitReached = false
  /** The active segment has had records for `segmentMaxAgeMs`. */
  #aged = false
  #cancelAge: (() => void) | undefined
  /** What `trim` was asked for last: it goes on where a segment was sealed for its age. */
  #trimTo = 0 as Offset
  #closed = false
  #announced: HitLog['state'] = 'open'
  #cancelTimer: (() => void) | undefined
  readonly #listeners = new Set<(durable: Offset) => void>()
  readonly #limits: {
    readonly segmentMaxBytes: number
    readonly maxBytes: number
    readonly recordMaxBytes: number
    readonly queueMaxBytes: number
    readonly reopenDelayMs: number
  }

  constructor(
    private readonly options: SegmentLogOptions,
    recovered: RecoveredLog,
    private readonly space: SpaceWatch,
  ) {
    this.#limits = {
      segmentMaxBytes: options.segmentMaxBytes ?? defaultSegmentMaxBytes,
      maxBytes: options.maxBytes ?? defaultLogMaxBytes,
      recordMaxBytes: Math.min(options.recordMaxBytes ?? defaultRecordMaxBytes, payloadLimitBytes),
      queueMaxBytes: options.queueMaxBytes ?? defaultQueueMaxBytes,
      reopenDelayMs: options.reopenDelayMs ?? defaultReopenDelayMs,
    }
    this.#chain = new SegmentChain(options, recovered)
    this.#filling = new GroupBuffer(this.#limits.queueMaxBytes)
    this.#spare = new GroupBuffer(this.#limits.queueMaxBytes)
    this.id = recovered.active.header.id
    this.#durable = recovered.next
    this.#next = recovered.next
    if (space.full) this.#lookAgainLater()
    this.#watchAge()
  }

  get oldest(): Offset {
    return this.#chain.oldest
  }

  get next(): Offset {
    return this.#next as Offset
  }

  get durable(): Offset {
    return this.#durable as Offset
  }

  get bytes(): number {
    return this.#chain.bytes
  }

  get state(): HitLog['state'] {
    if (this.#closed) return 'closed'
    if (this.#trouble) return this.#trouble
    return this.#limitReached || this.space.full ? 'full' : 'open'
  }

  append(payload: Uint8Array): Promise<Offset> {
    const refused = this.#refusal(payload.length)
    if (refused) return Promise.reject(refused)
    const stored = this.#filling.add(payload, this.#next, this.#chain.header.salt)
    this.#next++
    this.#work()
    return stored
  }

  onDurable(listener: (durable: Offset) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  trim(before: Offset): Promise<void> {
    this.#trimTo = Math.max(before, this.#trimTo) as Offset
    const done = this.#trimming.then(() => this.#trim(before))
    this.#trimming = done.catch(() => undefined)
    return done
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTimer?.()
    this.#cancelAge?.()
    while (this.#working) await this.#working
    await this.#trimming
    await this.#chain.close()
  }

  #refusal(payloadBytes: number): Error | undefined {
    const { recordMaxBytes, queueMaxBytes, maxBytes } = this.#limits
    if (payloadBytes > recordMaxBytes) {
      return new RangeError(`a record of ${payloadBytes} bytes is over the limit of ${recordMaxBytes} (recordMaxBytes)`)
    }
    if (this.#closed) return new LogUnavailableError('closed')
    if (this.#trouble) return new LogUnavailableError(this.#trouble)
    if (this.#limitReached || this.space.full) return new LogUnavailableError('full')
    const waiting = this.#writingBytes + this.#filling.bytes + frameHeaderBytes + payloadBytes
    if (waiting > queueMaxBytes) return new LogUnavailableError('full')
    if (this.#chain.bytes + waiting > maxBytes) {
      this.#limitReached = true
      this.#work()
      this.#announce()
      return new LogUnavailableError('full')
    }
    return undefined
  }

  #work(): void {
    this.#alone(() => this.#writeGroups())
  }

  /** At `maxBytes`, or grown old, the last segment is sealed, for `trim` never removes the one that is written to. */
  get #sealWanted(): boolean {
    return (this.#limitReached || this.#aged) && !this.#trouble && this.#durable > this.#chain.header.base
  }

  /** Runs what touches the active segment, unless such a thing runs. It begins a microtask later, so that appends of one
   * turn make one group. */
  #alone(task: () => Promise<void>): void {
    this.#working ??= Promise.resolve()
      .then(task)
      .finally(() => {
        this.#working = undefined
        // What came after the task's last look.
        if (this.#filling.records > 0 || this.#sealWanted) this.#work()
      })
  }

  async #writeGroups(): Promise<void> {
    try {
      while (this.#filling.records > 0) await this.#writeGroup()
      if (this.#sealWanted) {
        const forAge = this.#aged
        await this.#rotate()
        if (forAge) void this.trim(this.#trimTo).catch(() => undefined)
      }
    } catch (error) {
      this.#fail(error)
      // A full disk has to wait for room; anything else is mended at once.
      if (this.#trouble === 'failed') await this.#mend()
      else this.#lookAgainLater()
    }
  }

  async #writeGroup(): Promise<void> {
    const group = this.#filling
    this.#filling = this.#spare
    this.#spare = group
    const { bytes, records } = group
    this.#writingBytes = bytes
    await this.#chain.write(group.frames)
    this.#writingBytes = 0
    const first = this.#durable
    this.#durable += records
    group.succeed(first)
    for (const listener of this.#listeners) listener(this.#durable as Offset)
    if (this.#chain.activeBytes >= this.#limits.segmentMaxBytes) await this.#rotate()
    this.#watchAge()
    await this.space.wrote(bytes)
    if (this.space.full) this.#lookAgainLater()
    this.#announce()
  }

  async #rotate(): Promise<void> {
    await this.#chain.rotate(this.durable)
    this.#forgetAge()
  }

  /** Counts from the segment's first record, or from when the log was opened. */
  #watchAge(): void {
    const { segmentMaxAgeMs, timers } = this.options
    if (segmentMaxAgeMs === undefined || this.#cancelAge !== undefined || this.#closed) return
    if (this.#durable === this.#chain.header.base) return
    this.#cancelAge = timers.after(segmentMaxAgeMs, () => {
      this.#aged = true
      this.#work()
    })
  }

  #forgetAge(): void {
    this.#cancelAge?.()
    this.#cancelAge = undefined
    this.#aged = false
  }

  /** Refuses all that waits; nothing of it becomes visible. */
  #fail(cause: unknown): void {
    this.#trouble = isFull(cause) ? 'full' : 'failed'
    this.#next = this.#durable
    this.#writingBytes = 0
    for (const group of [this.#spare, this.#filling]) group.fail(this.#trouble, cause)
    this.#announce(cause)
  }

  /** Goes on in a new segment; tries again later where that fails. */
  async #mend(): Promise<void> {
    try {
      await this.#chain.mend(this.durable)
      this.#forgetAge()
      this.#trouble = undefined
    } catch (error) {
      this.#trouble = isFull(error) ? 'full' : 'failed'
      this.#lookAgainLater()
    }
    this.#announce()
  }

  /** After `reopenDelayMs`: mends, and looks whether the disk has room again. */
  #lookAgainLater(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#closed) return
    this.#cancelTimer = this.options.timers.after(this.#limits.reopenDelayMs, () => {
      this.#cancelTimer = undefined
      if (this.#working) this.#lookAgainLater()
      else this.#alone(() => this.#lookAgain())
    })
  }

  async #lookAgain(): Promise<void> {
    await this.space.check().catch(() => undefined)
    if (this.space.full) this.#lookAgainLater()
    else if (this.#trouble) await this.#mend()
    this.#announce()
  }

  /** Tells the operator where the state changed. */
  #announce(cause: unknown = null): void {
    const { state } = this
    if (state === this.#announced || state === 'closed') return
    this.#announced = state
    this.options.onEvent?.(state === 'open' ? { kind: 'available' } : { kind: 'unavailable', reason: state, cause })
  }

  async #trim(before: Offset): Promise<void> {
    if (this.#closed) throw new LogUnavailableError('closed')
    while (await this.#chain.removeOldest(before)) {
      this.#limitReached = false
      this.#announce()
    }
  }
}

function isFull(cause: unknown): boolean {
  return cause instanceof DiskError && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')
}
