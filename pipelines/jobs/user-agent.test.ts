import { describe, expect, it } from 'vitest'
import { createUserAgentReader, userAgentMaxLength } from './user-agent.ts'

const ipad =
  'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const television =
  'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 94.0.4606.31/6.0 TV Safari/537.36'
const pixel =
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36'
const windows =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const googlebot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

describe('a user agent', () => {
  const reader = createUserAgentReader()

  it.each([
    [windows, false, 'desktop'],
    [pixel, false, 'mobile'],
    [ipad, false, 'tablet'],
    [television, false, 'tv'],
    [googlebot, true, 'other'],
    ['curl/8.5.0', true, 'other'],
    ['node', true, 'other'],
    ['-', true, 'other'],
    ['', false, 'other'],
    [null, false, 'other'],
  ])('%s: bot %s, %s', (text, bot, device) => {
    expect(reader.read(text)).toEqual({ bot, device })
    expect(reader.read(text)).toEqual({ bot, device })
  })

  it('is judged by as much of it as a hit may have', () => {
    const padded = 'x'.repeat(userAgentMaxLength - 'curl/8.5.0'.length - 1)
    expect(reader.read(`${padded} curl/8.5.0`)).toEqual(reader.read(`${padded} curl/8.5.0 and more`))
    expect(reader.read(`${windows}${' '.repeat(userAgentMaxLength)}Googlebot`)).toEqual({
      bot: false,
      device: 'desktop',
    })
  })

  it('is remembered, and only so many are', () => {
    const small = createUserAgentReader({ maxEntries: 2 })
    const first = small.read(windows)
    expect(small.read(windows)).toBe(first)
    small.read(pixel)
    small.read(ipad)
    expect(small.read(windows)).not.toBe(first)
    expect(small.read(windows)).toEqual(first)
  })
})
