import { describe, expect, it } from 'vitest'
import { reportAtEnd } from './report.ts'

const found = { figures: [{ name: 'tea', value: 1, unit: 'cups' }] }

describe('a report', () => {
  it('is the last line of what a program says', () => {
    expect(reportAtEnd(`warming up\n${JSON.stringify(found)}\n`)).toEqual(found)
  })

  it.each(['', 'warming up', `${JSON.stringify(found)}\nand then it broke`, '{"figures":[{"na'])(
    'is not in %j',
    (output) => {
      expect(reportAtEnd(output)).toBeNull()
    },
  )
})
