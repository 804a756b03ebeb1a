import { describe, expect, it } from 'vitest'
import { remarksAfter, takesPlaceOf } from './keep.ts'

describe('the record of a run', () => {
  const quickly = { quick: true, insists: false }

  it('takes the place of any where the run was a full one', () => {
    const fully = { quick: false, insists: false }
    for (const last of [undefined, {}, { quick: true } as const]) expect(takesPlaceOf(last, fully)).toBe(true)
  })

  it('of a quick run takes a full one’s place only where somebody insists', () => {
    expect(takesPlaceOf({}, quickly)).toBe(false)
    expect(takesPlaceOf({}, { quick: true, insists: true })).toBe(true)
    expect(takesPlaceOf({ quick: true }, quickly)).toBe(true)
    expect(takesPlaceOf(undefined, quickly)).toBe(true)
  })

  it('keeps what was said for longer than one run', () => {
    const last = ['This run: 5 files.', 'Carried over from elsewhere.', 'It is slow because of the sketches.']
    expect(remarksAfter(['6 files.'], last)).toEqual(['This run: 6 files.', 'It is slow because of the sketches.'])
  })
})
