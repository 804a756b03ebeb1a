/**
 * Cookieless visitors. A visitor without an id gets one that is the same for the merchant's local day and says nothing
 * afterwards: a keyed hash of network and user agent under a salt of merchant and day, and the secret all salts of a day
 * come from is deleted. Within 48 hours of a day's start nobody, we included, can tell whose the id was.
 *
 * Secrets are made two days ahead and cached, so a hit is accepted while the control store is away.
 */
import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { dayMs, utcDay, utcDayText } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'

/** Salts of (merchant, day) held, least recently used first out; each can be derived again. */
export const defaultMaxSalts = 20_000
/** Zones whose present date is remembered. More zones than tzdata names do not exist. */
const maxZones = 1_000
export const secretRetryMs = 30_000
const secretBytes = 32
/** Local dates run from UTC−12 to UTC+14: yesterday's and tomorrow's UTC dates are in use now, one more is made ahead. */
const daysBehind = 1
const daysAhead = 2

export interface VisitorSalts {
  /** Whether `visitor` can answer for this zone at this time now. */
  ready(zone: string, atMs: number): boolean
  /** Brings the secrets in use at `atMs` into the cache; equal calls under way are one. Rejects as the store does. */
  load(atMs: number): Promise<void>
  /** The visitor's id, 22 characters. Only where `ready`. */
  visitor(who: VisitorFacts): string
  /** From now on secrets are renewed and deleted at every UTC midnight, whether hits come or not. */
  start(): Promise<void>
  stop(): void
}

export interface VisitorFacts {
  readonly merchant: MerchantId
  readonly zone: string
  readonly atMs: number
  readonly addressPrefix: string | null
  readonly userAgent: string | null
}

export interface VisitorSaltsOptions {
  readonly store: Pick<ControlStore, 'dailySecrets'>
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly random: Random
  readonly maxSalts?: number
}

export function createVisitorSalts(options: VisitorSaltsOptions): VisitorSalts {
  const { store, clock, timers, random } = options
  const salts = new LRUCache<string, Buffer>({ max: options.maxSalts ?? defaultMaxSalts })
  const localDate = createLocalDate()
  let secrets: ReadonlyMap<string, string> = new Map()
  let loading: { readonly day: number; readonly done: Promise<void> } | undefined
  let cancelTimer = () => {}
  let state: 'running' | 'stopped' = 'stopped'

  async function fetchSecrets(day: number): Promise<void> {
    const dates = Array.from({ length: daysBehind + daysAhead + 1 }, (_, i) => utcDayText(day - daysBehind + i))
    const make = () => Buffer.from(random.bytes(secretBytes)).toString('hex')
    const found = await store.dailySecrets(dates, utcDayText(day - daysBehind), make)
    // Replaced whole: secrets that the store has deleted leave this process too, and the salts made of them.
    secrets = new Map(Object.entries(found))
    salts.clear()
  }

  function load(atMs: number): Promise<void> {
    const day = utcDay(atMs)
    if (loading?.day === day) return loading.done
    const done = fetchSecrets(day).finally(() => {
      if (loading?.done === done) loading = undefined
    })
    loading = { day, done }
    return done
  }

  function saltOf(merchant: MerchantId, date: string): Buffer {
    const key = `${merchant} ${date}`
    let salt = salts.get(key)
    if (salt === undefined) {
      const secret = secrets.get(date)
      if (secret === undefined) throw new RangeError(`no secret of ${date} is loaded; ask ready() first`)
      salt = createHmac('sha256', Buffer.from(secret, 'hex')).update(key).digest()
      salts.set(key, salt)
    }
    return salt
  }

  async function renew(): Promise<void> {
    const now = clock.now()
    const renewed = load(now).then(
      () => (utcDay(now) + 1) * dayMs - now,
      () => secretRetryMs,
    )
    const delayMs = await renewed
    if (state === 'running') cancelTimer = timers.after(delayMs, () => void renew())
  }

  return {
    ready: (zone, atMs) => secrets.has(localDate(zone, atMs)),
    load,
    visitor({ merchant, zone, atMs, addressPrefix, userAgent }) {
      const salt = saltOf(merchant, localDate(zone, atMs))
      const hash = createHmac('sha256', salt).update(`${merchant}\n${addressPrefix ?? ''}\n${userAgent ?? ''}`)
      return hash.digest('base64url').slice(0, 22)
    },
    start() {
      state = 'running'
      return renew()
    },
    stop() {
      state = 'stopped'
      cancelTimer()
    },
  }
}

/** Clocks change, and days begin, on quarters of an hour everywhere since 1972: a date holds for its quarter. */
const quarterMs = 900_000

/** The date `YYYY-MM-DD` that calendars show in a zone at an instant. */
export function createLocalDate(): (zone: string, atMs: number) => string {
  const zones = new LRUCache<string, { format: Intl.DateTimeFormat; quarter: number; date: string }>({ max: maxZones })
  return (zone, atMs) => {
    let known = zones.get(zone)
    if (known === undefined) {
      // Swedish writes dates as ISO 8601 does.
      known = {
        format: new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }),
        quarter: -1,
        date: '',
      }
      zones.set(zone, known)
    }
    const quarter = Math.floor(atMs / quarterMs)
    if (known.quarter !== quarter) {
      known.date = known.format.format(atMs)
      known.quarter = quarter
    }
    return known.date
  }
}
