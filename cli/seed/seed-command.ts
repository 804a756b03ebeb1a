/**
 * `hitlake seed --days N --seed S`: makes up traffic of a shop and stores it, day by day, as imports of files that follow
 * from the seed: repeated, it stores nothing twice; cut off, it goes on; tomorrow, it adds the day that is new.
 */
import { createHash } from 'node:crypto'
import { Temporal } from 'temporal-polyfill'
import type { Clock } from '../../core/ports/clock.ts'
import type { Connection } from '../client/connect.ts'
import { ensureMerchant } from '../client/ensure-merchant.ts'
import { createProgress } from '../client/progress.ts'
import type { Terminal } from '../client/terminal.ts'
import { inStretches, linesDone, sendLines } from '../import/send-lines.ts'
import { type SeedSettings, trafficOfDay } from './traffic.ts'

export interface SeedOptions {
  readonly days: number
  readonly seed: number
  readonly merchant: string
  readonly hitsPerDay: number
  readonly json?: true
}

/** The last `days` local days, today's up to now. @throws CommandError */
export async function seedTraffic(
  connection: Connection,
  options: SeedOptions,
  io: { readonly terminal: Terminal; readonly clock: Clock },
): Promise<void> {
  const { api } = connection
  const { terminal, clock } = io
  const shop = { id: options.merchant, name: 'Homely goods', timeZone: 'Europe/Berlin', currency: 'EUR' }
  const { timeZone, currency } = await ensureMerchant(api, shop)
  const settings: SeedSettings = { seed: options.seed, timeZone, currency, hitsPerDay: options.hitsPerDay }
  const now = clock.now()
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate()
  const total = options.days * options.hitsPerDay
  const progress = createProgress({ out: terminal.progress, clock, what: 'hits', total })
  let stored = 0
  let before = 0
  let passed = 0
  for (let back = options.days - 1; back >= 0; back--) {
    const date = today.subtract({ days: back }).toString()
    const hits = trafficOfDay(settings, date).filter(({ hit }) => hit.time < now)
    const target = { api, merchant: options.merchant, file: nameOf(settings, date) }
    const done = await linesDone(target)
    const lines = hits.map(({ address, hit }, line) => ({ line, address, hit }))
    const sent = await sendLines(target, inStretches(lines, done, lines.length), (at) => progress.at(passed + at))
    stored += sent.accepted
    before += Math.min(done, hits.length)
    passed += hits.length
    progress.at(passed)
  }
  progress.end()
  const report = { merchant: options.merchant, days: options.days, seed: options.seed, hits: passed, stored, before }
  if (options.json === true) terminal.out(JSON.stringify(report))
  else {
    const had = before === 0 ? '' : `; ${before.toLocaleString('en')} were there before`
    terminal.out(
      `${stored.toLocaleString('en')} hits of ${options.days} days stored for ${options.merchant}${had}. Now ask: hitlake query --merchant ${options.merchant}`,
    )
  }
}

/** The day's traffic is a file that was never written: what it follows from names it. */
function nameOf({ seed, timeZone, currency, hitsPerDay }: SeedSettings, date: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ traffic: 1, seed, timeZone, currency, hitsPerDay, date }))
    .digest('hex')
}
