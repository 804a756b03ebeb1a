import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { ClientHints } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { openLogReader } from '../../core/log/log-reader.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import type { Merchant, StoredKey } from '../../core/ports/control-store.ts'
import { decodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { createCollector } from './accept-hits.ts'
import { clientHintMaxLength, clientHintsOf } from './client-hints.ts'

const brands = '"Chromium";v="126", "Google Chrome";v="126", "Not-A.Brand";v="8"'

describe('the client hints of a request', () => {
  it('are its Sec-CH-UA headers as sent', () => {
    const headers = {
      'sec-ch-ua': brands,
      'sec-ch-ua-mobile': '?0',
      'sec-ch-ua-platform': '"Windows"',
      'sec-ch-ua-platform-version': '"15.0.0"',
      'sec-ch-ua-model': '""',
      'sec-ch-ua-arch': '"x86"',
    }
    const hints = { brands, mobile: '?0', platform: '"Windows"', platformVersion: '"15.0.0"', model: '""' }
    expect(clientHintsOf(headers)).toEqual(hints)
  })

  it('are null one by one where not sent, and as a whole where none was', () => {
    const none = { brands: null, mobile: null, platform: null, platformVersion: null, model: null }
    expect(clientHintsOf({ 'sec-ch-ua-mobile': '?1' })).toEqual({ ...none, mobile: '?1' })
    expect(clientHintsOf({ 'sec-ch-ua-model': 'x' })).toEqual({ ...none, model: 'x' })
    expect(clientHintsOf({ 'user-agent': 'x' })).toBeNull()
  })

  it('are cut at their limit', () => {
    const exactly = 'a'.repeat(clientHintMaxLength)
    expect(clientHintsOf({ 'sec-ch-ua': exactly })?.brands).toBe(exactly)
    expect(clientHintsOf({ 'sec-ch-ua': `${exactly}b` })?.brands).toBe(exactly)
  })

  it('are none where empty or with a control character, whatever the others are', () => {
    for (const bad of ['', 'a\tb', 'a\u0000', '\u0085', 'a\u2028']) {
      expect(clientHintsOf({ 'sec-ch-ua': bad }), JSON.stringify(bad)).toBeNull()
      expect(clientHintsOf({ 'sec-ch-ua': bad, 'sec-ch-ua-mobile': '?0' })).toMatchObject({
        brands: null,
        mobile: '?0',
      })
    }
  })
})

describe('a record of the log', () => {
  const sent: ClientHints = { brands, mobile: '?0', platform: '"Windows"', platformVersion: null, model: null }

  async function stored(kind: StoredKey['kind'], clientHints: ClientHints | null): Promise<ClientHints | null> {
    const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'))
    const [disk, random] = [new MemoryDisk(), seededRandom(1)]
    const log = await openSegmentLog({ disk, folder: 'log', timers: clock, random })
    // Every hit names its visitor: no salt is asked for.
    const never = () => expect.unreachable('no salt is needed')
    const collector = createCollector({ clock, random, log, salts: { ready: never, load: never, visitor: never } })
    const merchant: Merchant = {
      ...{ id: 'demo' as MerchantId, name: 'Demo', timeZone: 'UTC', currency: 'EUR' },
      ...{ blockedNames: [], visitorSeed: '00', retentionDays: null },
    }
    const rights = { rights: ['write'] as const, origins: [], quota: null, tool: null }
    const holder = { key: { hash: '', merchant: merchant.id, kind, ...rights }, merchant }
    const body = { name: 'page_view', visitor: 'v' }
    await collector.accept({ body, holder, address: null, userAgent: 'x', language: 'de', clientHints })
    const reader = await openLogReader({
      disk,
      folder: 'log',
      id: log.id,
      from: 0 as Offset,
      durable: () => log.durable,
    })
    const [record] = await reader.read(1e6)
    await reader.close()
    if (record === undefined) throw new Error('nothing was stored')
    return decodeHitBatch(record.payload).requestClientHints
  }

  it("holds the hints of a browser's request; a server's own say nothing of its visitors", async () => {
    expect(await stored('browser', sent)).toEqual(sent)
    expect(await stored('browser', null)).toBeNull()
    expect(await stored('server', sent)).toBeNull()
  })
})
