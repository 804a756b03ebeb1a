import { describe, expect, it } from 'vitest'
import { codeCopies, codeOfText, ownCode } from './own-code.ts'

const outside = 1
const add = (to: number) => (more: number) => to + more

describe('code of a text', () => {
  const sum = (name: string) => codeOfText(name, ['a', 'b'], 'return a + b')

  it('has its parameters, and is one for each name and text', () => {
    expect(sum('plan/step')(1, 2)).toBe(3)
    expect(sum('plan/step')).toBe(sum('plan/step'))
    expect(sum('plan/step')).not.toBe(sum('plan/other'))
    expect(codeOfText('plan/step', ['a', 'b'], 'return a - b')(1, 2)).toBe(-1)
  })

  it.each(['two words', 'a\nthrow new Error()', '*/ throw 1 //', '\u2028throw 1', '\ud800'])(
    'may be named %j',
    (name) => {
      expect(sum(name)(1, 2)).toBe(3)
    },
  )
})

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
    const { ownCode, codeOfText } = codeCopies(3)
    for (const name of ['1', '2']) ownCode(add, name)
    const third = codeOfText('3', ['a'], 'return a')
    expect(ownCode(add, '4')).toBe(add)
    expect(ownCode(add, '1')).not.toBe(add)
    expect(ownCode(add, '1')(1)(1)).toBe(2)
    expect(codeOfText('3', ['a'], 'return a')).toBe(third)
    const of = () => codeOfText('4', ['a'], 'return a')
    expect(of()).not.toBe(of())
    expect(of()(7)).toBe(7)
  })
})
