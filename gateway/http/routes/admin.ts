/** The whole admin API as one plugin: merchants and keys, erasures, books, tables, pipelines, reruns. All of it needs an admin key. */
import type { FastifyPluginAsync } from 'fastify'
import { type AdminBooksOptions, adminBooksRoutes } from './admin-books.ts'
import { type AdminErasuresOptions, adminErasuresRoutes } from './admin-erasures.ts'
import { type AdminImportsOptions, adminImportsRoutes } from './admin-imports.ts'
import { type AdminMerchantsOptions, adminMerchantsRoutes } from './admin-merchants.ts'
import { type AdminPipelinesOptions, adminPipelinesRoutes } from './admin-pipelines.ts'
import { type AdminRerunsOptions, adminRerunsRoutes } from './admin-reruns.ts'
import { type AdminTablesOptions, adminTablesRoutes } from './admin-tables.ts'

export interface AdminRoutesOptions
  extends Omit<AdminMerchantsOptions, 'onChanged' | 'store'>,
    Pick<AdminTablesOptions, 'lake' | 'tables' | 'clock' | 'upkeep'> {
  readonly store: AdminMerchantsOptions['store'] &
    AdminErasuresOptions['store'] &
    AdminTablesOptions['store'] &
    AdminRerunsOptions['store'] &
    AdminBooksOptions['store']
  readonly erase: AdminErasuresOptions['erase']
  /** Left out where no hits are taken. */
  readonly imports?: AdminImportsOptions['imports']
  readonly takeBooks: AdminBooksOptions['take']
  /** Left out where nobody knows any. */
  readonly pipelines?: AdminPipelinesOptions['pipelines']
  /** Left out where nobody plans any. */
  readonly reruns?: Pick<AdminRerunsOptions, 'freshness' | 'planner' | 'onChanged'>
  /** Called after a merchant was changed through this process. */
  readonly onMerchantChanged?: (id: string) => void
}

export function adminRoutes(options: AdminRoutesOptions): FastifyPluginAsync {
  const { store, keys, random, lake, tables, clock, takeBooks, imports, upkeep, erase, onMerchantChanged } = options
  return async (app) => {
    await app.register(adminMerchantsRoutes, {
      store,
      keys,
      random,
      clock,
      ...(onMerchantChanged && { onChanged: onMerchantChanged }),
    })
    await app.register(adminErasuresRoutes, { store, keys, erase, random })
    await app.register(adminBooksRoutes, { store, keys, take: takeBooks })
    await app.register(adminTablesRoutes, { lake, tables, keys, store, clock, ...(upkeep && { upkeep }) })
    if (options.pipelines !== undefined)
      await app.register(adminPipelinesRoutes, { keys, pipelines: options.pipelines })
    if (options.reruns !== undefined) await app.register(adminRerunsRoutes, { store, keys, clock, ...options.reruns })
    if (imports !== undefined) await app.register(adminImportsRoutes, { imports, keys, store })
  }
}
