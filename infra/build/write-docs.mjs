/** Writes the reference pages that are made from code. Run after a build; tests hold the pages equal to the code. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configPage } from '../../dist/core/config/config-page.js'
import { errorsPage } from '../../dist/core/error-table.js'
import { tables } from '../../dist/schemas/tables.js'
import { tablesPage } from '../../dist/schemas/tables-page.js'

const pages = { 'config.md': configPage(), 'errors.md': errorsPage(), 'tables.md': tablesPage(Object.values(tables)) }
for (const [name, text] of Object.entries(pages)) {
  writeFileSync(fileURLToPath(new URL(`../../docs/reference/${name}`, import.meta.url)), text)
}
