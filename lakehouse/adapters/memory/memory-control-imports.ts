/** Progress of imports in the memory control store. */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { checkImport } from '../../core/control/rules.ts'
import type { ControlState } from './memory-control-state.ts'

export function memoryImports(current: () => ControlState): Pick<ControlStore, 'importProgress' | 'setImportProgress'> {
  const keyOf = (merchant: string, file: string) => `${file} ${merchant}`
  return {
    async importProgress(merchant, file) {
      return current().imports.get(keyOf(merchant, file))
    },
    async setImportProgress(merchant, file, { done, sending, at }) {
      checkImport(file, { done, sending, at })
      current().imports.set(keyOf(merchant, file), { done, sending, at })
    },
  }
}
