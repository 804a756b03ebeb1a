import { describe, expect, it } from 'vitest'
import { SimObjects } from './sim-objects.ts'

describe('objects', () => {
  it('are damaged by one bit, and as they were once they are mended', async () => {
    const objects = new SimObjects()
    await objects.port.put('a', Buffer.from([1, 2, 3]))
    expect(await objects.damage(1, 7)).toBe(true)
    expect([objects.isDamaged, await objects.port.get('a')]).toEqual([true, Buffer.from([1, 130, 3])])
    await objects.heal()
    expect([objects.isDamaged, await objects.port.get('a')]).toEqual([false, Buffer.from([1, 2, 3])])
  })

  it('explain an error while damaged, and of what was put right last until all have read it again', async () => {
    const objects = new SimObjects()
    const damagedOne = new Error('checkpoints/a is damaged')
    await objects.port.put('checkpoints/a', Buffer.from([1]))
    expect(objects.explains(damagedOne)).toBe(false)
    await objects.damage(0, 0)
    expect(objects.explains(new Error('anything'))).toBe(true)
    await objects.heal()
    await objects.heal()
    expect([objects.explains(damagedOne), objects.explains(new Error('anything'))]).toEqual([true, false])
    objects.forget()
    expect(objects.explains(damagedOne)).toBe(false)
  })

  it('that were written anew since stay as they are', async () => {
    const objects = new SimObjects()
    await objects.port.put('a', Buffer.from([1, 2, 3]))
    await objects.damage(0, 0)
    await objects.port.put('a', Buffer.from([9]))
    await objects.heal()
    expect(await objects.port.get('a')).toEqual(Buffer.from([9]))
  })
})
