import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { createMemoryFeed } from '../../core/adapters/memory/memory-feed.ts'
import { partitionOf } from '../../core/partition-of.ts'
import type { FeedReader } from '../../core/ports/feed.ts'
import { attemptMaxMs, retryMaxMs } from './forwarder.ts'
import { forwarderWorld, jobs, partitions } from './forwarder-under-test.ts'
import { defaultConfirmMaxMs } from './forwarder-waiters.ts'

const places = (sent: readonly { readonly place: number }[]) => sent.map(({ place }) => place)
const shops = ['anna', 'ben', 'carla', 'dora', 'emil', 'fritz']

describe('a forwarder', () => {
  it('brings every durable batch into the partition of its merchant, in order of the log', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    await w.append(...shops)
    await w.settle()
    expect(w.forwarder.acked).toBe(12)
    for (const [partition, sent] of w.sent().entries()) {
      expect(places(sent)).toEqual([...places(sent)].sort((a, b) => a - b))
      for (const { merchant } of sent) expect(partitionOf(merchant, partitions)).toBe(partition)
    }
    expect(places(w.sent().flat()).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i))
    expect(w.feed.records.flat().every(({ key }) => key === w.log.id)).toBe(true)
  })

  it('sends a record that nobody can decode where hits of the merchant “” go', async () => {
    const w = await forwarderWorld()
    await w.appendBytes(Buffer.from('no batch'))
    await w.settle()
    expect(w.sent()[partitionOf('', partitions)]).toEqual([{ merchant: '(poison)', place: 0 }])
  })

  it('sends nothing beyond a chunk that is not acknowledged, and gathers meanwhile', async () => {
    const w = await forwarderWorld()
    w.feed.faults.push('silent')
    await w.append('anna')
    await w.settle()
    await w.append('anna')
    await w.append('anna')
    await w.settle()
    expect(w.sent().flat()).toEqual([])
    w.feed.release()
    await w.settle()
    const partition = partitionOf('anna', partitions)
    expect(places(w.sent()[partition] ?? [])).toEqual([0, 1, 2])
    expect(w.feed.records[partition]).toHaveLength(2)
  })

  it.each(['before', 'after', 'half'] as const)('sends the same chunk again that failed %s landing', async (fault) => {
    const w = await forwarderWorld()
    w.feed.faults.push(fault, fault)
    await w.append(...shops)
    await w.settle()
    await w.append(...shops)
    await w.pass(1_000)
    expect(w.forwarder.acked).toBe(12)
    w.workAll()
    const taken = w.work.get(jobs[0])?.flatMap((part) => part.taken)
    expect(taken?.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i))
  })

  it('waits longer after each failure, up to five seconds, and then begins short again', async () => {
    const feed = createMemoryFeed(partitions)
    const writer = feed.writer()
    const tries: number[] = []
    const clock = new ManualClock()
    const w = await forwarderWorld(
      {
        writer: {
          ...writer,
          connect() {
            tries.push(clock.monotonic())
            return writer.connect()
          },
        },
      },
      clock,
    )
    tries.length = 0
    feed.state = 'away'
    await w.append('anna')
    await w.pass(30_000)
    const pauses = () => tries.slice(1).map((at, index) => at - (tries[index] as number))
    expect(pauses()).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
    feed.state = 'there'
    await w.pass(retryMaxMs)
    expect(w.forwarder.state).toBe('flowing')
    tries.length = 0
    feed.state = 'away'
    await w.append('anna')
    await w.pass(500)
    expect(pauses()).toEqual([200])
  })

  it('gives up a send that gets no answer, and what lands of it later is dropped by its place', async () => {
    const w = await forwarderWorld()
    w.feed.faults.push('silent')
    await w.append('anna')
    await w.pass(attemptMaxMs + retryMaxMs, 1_000)
    await w.append('anna')
    await w.settle()
    w.feed.release()
    await w.settle()
    const partition = partitionOf('anna', partitions)
    expect(places(w.sent()[partition] ?? [])).toEqual([0, 1, 0])
    w.workAll()
    expect(w.part(jobs[0], partition).taken).toEqual([0, 1])
  })

  it('reads the log again where reading failed, and loses nothing', async () => {
    let failing = true
    const w = await forwarderWorld({
      openReader: async (): Promise<FeedReader> => {
        if (failing) throw new Error('the disk is away')
        return w.openReader(w.forwarder.acked)
      },
    })
    await w.append('anna', 'ben')
    await w.pass(1_000)
    expect(w.forwarder.state).toBe('away')
    failing = false
    await w.pass(retryMaxMs)
    expect([w.forwarder.state, w.forwarder.acked]).toEqual(['flowing', 2])
  })

  it('sends all that is not processed into a feed that was replaced by an empty one', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    await w.settle()
    w.feed.wipe()
    w.feed.faults.push('before')
    await w.append('anna')
    await w.pass(1_000)
    expect(places(w.sent().flat()).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('tells the ledger of each record once it is in the feed, in order, and of nothing before', async () => {
    const told: (number | string)[] = []
    const w = await forwarderWorld({
      ledger: {
        note: (offset, merchant, received, hits) => told.push(offset, merchant, received - w.clock.now(), hits),
        notePoison: (offset) => told.push(offset, 'poison'),
      },
    })
    w.feed.faults.push('silent')
    await w.append('anna', 'ben')
    await w.appendBytes(Buffer.from('no batch'))
    await w.settle()
    expect(told).toEqual([])
    w.feed.release()
    await w.settle()
    expect(told).toEqual([0, 'anna', 0, 0, 1, 'ben', 0, 0, 2, 'poison'])
  })

  it('does nothing more once it is stopped, whatever it waited for', async () => {
    for (const trouble of ['none', 'silent', 'away'] as const) {
      const w = await forwarderWorld()
      if (trouble === 'silent') w.feed.faults.push('silent')
      if (trouble === 'away') w.feed.state = 'away'
      await w.append('anna')
      await w.settle()
      const waiting = w.forwarder.confirm(w.log.durable)
      await w.forwarder.stop()
      expect(await waiting).toBe('disk')
      expect(await w.forwarder.confirm(w.log.durable)).toBe('disk')
      expect(w.clock.pendingTimers).toBe(0)
    }
  })
})

describe('an answer', () => {
  it('says kafka as soon as the batch is acknowledged, after no time but the way there', async () => {
    const w = await forwarderWorld()
    const [place] = await w.append('anna')
    expect(await w.forwarder.confirm(place as never)).toBe('kafka')
    expect(await w.forwarder.confirm(place as never)).toBe('kafka')
  })

  it('says disk after half a second without Kafka’s word, and from then on at once until the backlog is gone', async () => {
    const w = await forwarderWorld()
    w.feed.faults.push('silent')
    const [first] = await w.append('anna')
    const answers: string[] = []
    void w.forwarder.confirm(first as never).then((answer) => answers.push(answer))
    await w.pass(defaultConfirmMaxMs - 100)
    const [second] = await w.append('anna')
    void w.forwarder.confirm(second as never).then((answer) => answers.push(answer))
    expect(answers).toEqual([])
    await w.pass(100)
    expect(answers).toEqual(['disk', 'disk'])
    const [third] = await w.append('anna')
    expect(await w.forwarder.confirm(third as never)).toBe('disk')
    expect(w.forwarder.state).toBe('draining')
    w.feed.release()
    await w.settle()
    const [fourth] = await w.append('anna')
    expect(await w.forwarder.confirm(fourth as never)).toBe('kafka')
    expect(w.states.slice(-2)).toEqual(['draining', 'flowing'])
  })

  it('says disk at once while Kafka is away, and kafka again after it came back', async () => {
    const w = await forwarderWorld()
    w.feed.state = 'away'
    const [first] = await w.append('anna')
    const waiting = w.forwarder.confirm(first as never)
    await w.settle()
    expect(await waiting).toBe('disk')
    expect(w.forwarder.state).toBe('away')
    w.feed.state = 'there'
    await w.pass(1_000)
    const [second] = await w.append('anna')
    expect(await w.forwarder.confirm(second as never)).toBe('kafka')
    expect(await w.forwarder.confirm(first as never)).toBe('kafka')
  })

  it('says disk while more lies before it than one chunk', async () => {
    const w = await forwarderWorld()
    w.feed.state = 'away'
    const large = Array.from({ length: 40 }, () => 'x'.repeat(60_000))
    for (const zone of large) await w.appendBytes(Buffer.from(zone))
    await w.settle()
    w.feed.state = 'there'
    w.feed.faults.push('ok', 'silent')
    await w.pass(1_000)
    expect(w.forwarder.state).toBe('draining')
    const [place] = await w.append('anna')
    expect(await w.forwarder.confirm(place as never)).toBe('disk')
    w.feed.release()
    await w.settle(30)
    expect([w.forwarder.state, w.forwarder.acked]).toEqual(['flowing', 41])
  })
})

describe('after a restart, a forwarder', () => {
  it('goes on where it was, to the second', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    await w.pass(1_100)
    await w.append('anna')
    await w.settle()
    await w.crash()
    await w.append('ben')
    await w.settle()
    expect(places(w.sent().flat()).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 6, 7])
  })

  it('goes on exactly where it was when it was stopped in good order', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    await w.settle()
    await w.forwarder.stop()
    await w.crash()
    await w.append('ben')
    await w.settle()
    expect(places(w.sent().flat()).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it.each([
    ['gone', undefined],
    ['cut off', '{"log":"x","sou'],
    ['no object', 'null'],
    ['of another log', '{"log":"other","source":"memory:1","acked":2,"last":[0,1,-1,-1]}'],
    ['of another number of partitions', '{"log":"LOG","source":"memory:1","acked":2,"last":[0,1,-1]}'],
    ['of a place that is not there yet', '{"log":"LOG","source":"memory:1","acked":99,"last":[0,1,-1,-1]}'],
    ['of another feed', '{"log":"LOG","source":"memory:0","acked":2,"last":[0,1,-1,-1]}'],
    ['of last places beyond its own', '{"log":"LOG","source":"memory:1","acked":2,"last":[0,7,-1,-1]}'],
  ])('sends all that is kept where its mark is %s', async (_what, text) => {
    const w = await forwarderWorld()
    await w.append('anna', 'ben', 'carla')
    await w.pass(1_000)
    w.markFile.bytes = text === undefined ? undefined : Buffer.from(text.replace('LOG', w.log.id))
    await w.crash()
    expect(places(w.sent().flat()).sort((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2])
  })
})

describe('a forwarder whose mark lies before what is trimmed', () => {
  it('begins at the oldest record that is kept', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    await w.pass(1_100)
    const old = w.markFile.bytes
    for (let i = 0; i < 10; i++) await w.append(...shops)
    await w.settle()
    w.workAll()
    await w.pass(1_100)
    await w.log.trim(w.forwarder.trimmable)
    expect(w.log.oldest).toBeGreaterThan(6)
    w.markFile.bytes = old
    await w.crash()
    await w.append('anna')
    await w.pass(1_100)
    expect([w.forwarder.state, w.forwarder.acked]).toEqual(['flowing', 67])
    w.workAll()
    await w.pass(1_100)
    expect(w.forwarder.trimmable).toBe(67)
  })
})

describe('every second a forwarder', () => {
  it('says what is visible: nothing of what was received after the oldest hit that is not published', async () => {
    const w = await forwarderWorld()
    await w.pass(1_100)
    const before = w.clock.now()
    expect(w.reports.at(-1)).toEqual({ log: w.log.id, visibleThrough: before, state: 'live' })
    await w.pass(5)
    await w.append('anna')
    const received = w.clock.now()
    await w.pass(3_000)
    expect(w.forwarder.visibleThrough).toBeLessThanOrEqual(received)
    w.commit(jobs[0], partitionOf('anna', partitions))
    w.publish(jobs[0], partitionOf('anna', partitions))
    await w.pass(3_000)
    expect(w.forwarder.visibleThrough).toBeLessThanOrEqual(received)
    w.workAll()
    await w.pass(1_000)
    expect(w.reports.at(-1)?.visibleThrough).toBeGreaterThan(w.clock.now() - 1_100)
  })

  it('says what may be trimmed: what every job has committed', async () => {
    const w = await forwarderWorld()
    await w.append('anna', 'anna', 'anna')
    await w.pass(2_000)
    expect(w.forwarder.trimmable).toBe(0)
    w.commit(jobs[0], partitionOf('anna', partitions))
    await w.pass(2_000)
    expect(w.forwarder.trimmable).toBe(0)
    w.commit(jobs[1], partitionOf('anna', partitions))
    await w.pass(2_000)
    expect(w.forwarder.trimmable).toBe(3)
    expect(w.forwarder.visibleThrough).toBeLessThan(w.clock.now() - 5_000)
  })

  it('tries the store again that does not answer, tells of it once, and forwards meanwhile', async () => {
    const w = await forwarderWorld()
    w.store = 'away'
    await w.pass(5_000)
    await w.append('anna')
    await w.settle()
    expect([w.troubles, w.forwarder.acked]).toEqual([['store'], 1])
    w.store = 'there'
    w.workAll()
    await w.pass(1_000)
    expect(w.forwarder.trimmable).toBe(1)
    w.store = 'away'
    await w.pass(2_000)
    expect(w.troubles).toEqual(['store', 'store'])
  })
})

describe('draining a forwarder', () => {
  it('ends when all is sent, committed and published, and the store knows it', async () => {
    const w = await forwarderWorld()
    await w.append(...shops)
    let ended = ''
    void w.forwarder.drain().then((how) => {
      ended = how
    })
    await w.pass(3_000)
    for (const job of jobs) for (let partition = 0; partition < partitions; partition++) w.commit(job, partition)
    await w.pass(1_000)
    expect(ended).toBe('')
    w.workAll()
    w.store = 'away'
    await w.pass(1_000)
    expect(ended).toBe('')
    w.store = 'there'
    await w.pass(1_000)
    expect(ended).toBe('retired')
    expect(w.reports.at(-1)?.state).toBe('retired')
    const { length } = w.reports
    await w.pass(5_000)
    expect(w.reports).toHaveLength(length)
  })

  it('ends as stopped where it is stopped first', async () => {
    const w = await forwarderWorld()
    await w.append('anna')
    const drained = w.forwarder.drain()
    await w.pass(1_000)
    await w.forwarder.stop()
    expect(await drained).toBe('stopped')
  })

  it('is undone by a new start', async () => {
    const w = await forwarderWorld()
    const drained = w.forwarder.drain()
    await w.pass(1_000)
    expect(await drained).toBe('retired')
    await w.forwarder.stop()
    await w.crash()
    await w.pass(1_000)
    expect(w.reports.at(-1)?.state).toBe('live')
  })
})
