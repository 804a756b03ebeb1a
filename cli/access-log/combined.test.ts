import { describe, expect, it } from 'vitest'
import { parseCombined } from './combined.ts'

describe('a line of a combined log', () => {
  const line =
    '83.149.9.216 - - [17/May/2015:10:05:03 +0200] "GET /a/b?c=d HTTP/1.1" 200 203023 "http://from.example/" "Mozilla/5.0 (X11)"'

  it('gives address, time with its offset, path, status, referrer and user agent', () => {
    expect(parseCombined(line)).toEqual({
      address: '83.149.9.216',
      time: '2015-05-17T10:05:03+02:00',
      method: 'GET',
      path: '/a/b?c=d',
      status: 200,
      referrer: 'http://from.example/',
      userAgent: 'Mozilla/5.0 (X11)',
    })
  })

  it('reads `-` as no referrer and as no size, and keeps it as user agent', () => {
    const dashed = line.replace('203023', '-').replace('"http://from.example/"', '"-"')
    expect(parseCombined(dashed.replace('Mozilla/5.0 (X11)', '-'))).toMatchObject({ referrer: null, userAgent: '-' })
  })

  it('keeps quotes that were escaped', () => {
    expect(parseCombined(line.replace('Mozilla/5.0 (X11)', 'a \\"b\\" c'))?.userAgent).toBe('a "b" c')
  })

  it.each([
    ['cut off in its user agent', line.slice(0, -5)],
    ['of no month there is', line.replace('May', 'Mai')],
    ['of the common format', line.slice(0, line.indexOf(' "http'))],
    ['empty', ''],
  ])('is refused when %s', (_, broken) => {
    expect(parseCombined(broken)).toBeUndefined()
  })
})
