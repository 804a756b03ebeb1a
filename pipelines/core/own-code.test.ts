import { describe, expect, it } from 'vitest'
import { ownCode, ownCopiesMax } from './own-code.ts'

const outside = 1
const add = (to: number) => (more: number) => to + more

describe('code of its own', () => {
  it('does what the code it was copied from does, with arguments of its own', () => {
    const [one, two] = [ownCode(add, 'one')(1), ownCode(add, 'two')(2)]
    expect([one(10), two(10), add(3)(10)]).toEqual([11, 12, 13])
  })

  it('is one for each name', () => {
    expect(ownCode(add, 'one')).toBe(ownCode(add, 'one'))
    expect(ownCode(add, 'one')).not.toBe(ownCode(add, 'two'))
    expect(ownCode(add, 'one')).not.toBe(add)
  })

  it('knows nothing of what is around it', () => {
    const careless = () => () => outside
    expect(ownCode(careless, 'careless')()).toThrow(ReferenceError)
  })

  it('is shared again beyond the limit of copies', () => {
    for (let n = 0; n <= ownCopiesMax; n++) ownCode(add, `${n}`)
    expect(ownCode(add, 'one too many')).toBe(add)
    expect(ownCode(add, '0')(1)(1)).toBe(2)
  })
})
