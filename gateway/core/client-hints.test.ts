import { describe, expect, it } from 'vitest'
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
