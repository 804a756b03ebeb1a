import { describe, expect, it } from 'vitest'
import { noted } from './noted.ts'

describe('a figure that somebody types', () => {
  it.each([
    ['all of it=23.5 min', { name: 'all of it', value: 23.5, unit: 'min' }],
    ['a = b = -2 MB/h', { name: 'a = b', value: -2, unit: 'MB/h' }],
  ])('%s', (text, figure) => {
    expect(noted(text)).toEqual(figure)
  })

  it.each(['', 'all of it', 'all of it=23.5', 'all of it=many min', '=1 min', 'a=1.2.3 min'])('is not %j', (text) => {
    expect(() => noted(text)).toThrow(/no figure/)
  })
})
