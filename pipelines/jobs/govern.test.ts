import { expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import { govern } from './govern.ts'

const context = { blockedNames: (merchant: string) => new Set(merchant === 'shop' ? ['debug', 'Test'] : []) }
const row = (merchant: string, name: string) => ({ merchant: merchant as MerchantId, name, id: 'h1' })

it('sets a hit aside whose name its own merchant blocks, with the reason and unchanged; passes every other', () => {
  const blocked = row('shop', 'debug')
  expect(govern(blocked, context)).toEqual({ to: 'quarantined', row: blocked, reason: 'blocked_name' })
  for (const passed of [row('shop', 'page_view'), row('shop', 'test'), row('other', 'debug')]) {
    expect(govern(passed, context)).toEqual({ to: 'passed', row: passed })
  }
})
