import { describe, expect, it } from 'vitest'
import { forwarderWorld, memoryKeptFile } from './forwarder-under-test.ts'
import { openReportedTime } from './reported-time.ts'

describe('the time that a collector reported', () => {
  it('is known to its next start, so that a clock set back gives no hit a time that was told to be visible', async () => {
    const file = memoryKeptFile()
    const w = await forwarderWorld({ reported: await openReportedTime(file, 'the log') })
    await w.pass(3_000)
    const told = w.reports.at(-1)?.visibleThrough
    expect(told).toBeGreaterThan(0)
    expect((await openReportedTime(file, 'the log')).through).toBe(told)
  })

  it('is kept before anybody is told: while it cannot be kept nothing is reported', async () => {
    const file = memoryKeptFile()
    const refused = { ...file, replace: () => Promise.reject(new Error('the disk is full')) }
    const w = await forwarderWorld({ reported: await openReportedTime(refused, 'the log') })
    await w.pass(3_000)
    expect(w.reports.filter(({ visibleThrough }) => visibleThrough > 0)).toEqual([])
  })

  it('never runs back', async () => {
    const file = memoryKeptFile()
    const reported = await openReportedTime(file, 'the log')
    await reported.keep(2_000)
    await reported.keep(1_000)
    expect([reported.through, (await openReportedTime(file, 'the log')).through]).toEqual([2_000, 2_000])
  })

  it.each([
    ['is gone', undefined],
    ['is cut off', '{"log":"the l'],
    ['is no object', 'null'],
    ['is of another log', '{"log":"other","through":1000}'],
    ['holds no time', '{"log":"the log","through":"late"}'],
  ])('is none where the file %s', async (_, text) => {
    const file = memoryKeptFile()
    if (text !== undefined) await file.replace(Buffer.from(text))
    expect((await openReportedTime(file, 'the log')).through).toBe(0)
  })
})
