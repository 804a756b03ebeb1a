/**
 * The control store's answers about keys and daily secrets, kept in a file, so that a collector starts and accepts while
 * the store is away: what was asked before is answered from the file, and only then. A store that answers is believed,
 * and what it no longer knows is forgotten here too; secrets of dates that are over leave the file at the next midnight.
 */
import { z } from 'zod'
import { ControlStoreUnavailableError } from '../../core/errors.ts'
import type { Timers } from '../../core/ports/clock.ts'
import type { ControlStore, KeyHolder } from '../../core/ports/control-store.ts'
import type { KeptFile } from './kept-file.ts'

/** Keys kept, those asked for last. */
export const defaultMaxKeptKeys = 10_000
/** Changes of so long make one writing. */
export const writeDelayMs = 2_000
/** After a writing that failed. */
export const writeRetryMs = 30_000

export interface DirectoryCache extends Pick<ControlStore, 'findKey' | 'dailySecrets'> {
  /** Reads the file; whatever is wrong with it, it begins. Call once, before all else. */
  start(): Promise<void>
  /** Writes what is not written yet. */
  stop(): Promise<void>
}

export interface DirectoryCacheOptions {
  readonly store: Pick<ControlStore, 'findKey' | 'dailySecrets'>
  /** Holds secrets: for its owner alone. */
  readonly file: KeptFile
  readonly timers: Timers
  readonly maxKeys?: number
  /** The file could not be read or written; it goes on without. */
  readonly onError?: (error: unknown) => void
}

const holderSchema = z.object({
  key: z.object({
    hash: z.string(),
    merchant: z.string().nullable(),
    kind: z.enum(['browser', 'server']),
    rights: z.array(z.enum(['write', 'read', 'admin', 'historical', 'no_revenue'])),
    // Files of before had none of these.
    origins: z.array(z.string()).default([]),
    quota: z.number().nullable().default(null),
    tool: z.string().nullable().default(null),
  }),
  merchant: z
    .object({
      id: z.string(),
      name: z.string(),
      timeZone: z.string(),
      currency: z.string(),
      blockedNames: z.array(z.string()),
      visitorSeed: z.string(),
      retentionDays: z.number().nullable().default(null),
      formerZones: z.array(z.object({ timeZone: z.string(), until: z.number() })).optional(),
    })
    .nullable(),
})
const fileSchema = z.object({
  version: z.literal(1),
  /** Asked for last at the end. */
  keys: z.array(holderSchema),
  secrets: z.record(z.string().regex(/^\d{4}-\d\d-\d\d$/), z.string().regex(/^[0-9a-f]{64}$/)),
})

export function createDirectoryCache(options: DirectoryCacheOptions): DirectoryCache {
  const { store, file, timers } = options
  const maxKeys = options.maxKeys ?? defaultMaxKeptKeys
  /** By hash, as JSON: to be compared and written, rarely to be read. */
  const holders = new Map<string, string>()
  let secrets = new Map<string, string>()
  let changed = false
  let cancelTimer: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()

  function change(): void {
    changed = true
    arm(writeDelayMs)
  }

  function arm(delayMs: number): void {
    cancelTimer ??= timers.after(delayMs, () => {
      cancelTimer = undefined
      write()
    })
  }

  function write(): Promise<void> {
    writing = writing.then(async () => {
      if (!changed) return
      changed = false
      const text = `{"version":1,"keys":[${[...holders.values()].join(',')}],"secrets":${JSON.stringify(Object.fromEntries(secrets))}}\n`
      try {
        await file.replace(Buffer.from(text))
      } catch (error) {
        changed = true
        options.onError?.(error)
        arm(writeRetryMs)
      }
    })
    return writing
  }

  function keep(hash: string, holder: KeyHolder | undefined): void {
    const before = holders.get(hash)
    holders.delete(hash)
    const after = holder === undefined ? undefined : JSON.stringify(holder)
    if (after !== undefined) holders.set(hash, after)
    const [oldest] = holders.keys()
    if (holders.size > maxKeys && oldest !== undefined) holders.delete(oldest)
    if (before !== after) change()
  }

  return {
    async start() {
      try {
        const bytes = await file.read()
        if (bytes === undefined) return
        const kept = fileSchema.parse(JSON.parse(bytes.toString('utf8')))
        for (const holder of kept.keys.slice(-maxKeys)) holders.set(holder.key.hash, JSON.stringify(holder))
        secrets = new Map(Object.entries(kept.secrets))
      } catch (error) {
        options.onError?.(error)
      }
    },

    async findKey(hash) {
      try {
        const holder = await store.findKey(hash)
        keep(hash, holder)
        return holder
      } catch (error) {
        const kept = holders.get(hash)
        if (!(error instanceof ControlStoreUnavailableError) || kept === undefined) throw error
        return JSON.parse(kept) as KeyHolder
      }
    },

    async dailySecrets(dates, keepFrom, make) {
      try {
        const found = await store.dailySecrets(dates, keepFrom, make)
        const before = secrets
        secrets = new Map(Object.entries(found))
        if (!isEqual(before, secrets)) change()
        return found
      } catch (error) {
        // Over is over, whether or not the store could be told.
        for (const date of secrets.keys()) if (date < keepFrom && secrets.delete(date)) change()
        const known = dates.filter((date) => secrets.has(date))
        if (!(error instanceof ControlStoreUnavailableError) || known.length === 0) throw error
        return Object.fromEntries(known.map((date) => [date, secrets.get(date) as string]))
      }
    },

    async stop() {
      cancelTimer?.()
      await write()
      cancelTimer?.()
    },
  }
}

function isEqual(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([date, secret]) => b.get(date) === secret)
}
