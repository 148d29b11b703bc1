import { newId, notFound } from '#kernel';
import type { Database, Unit } from '#platform';
import { appendAudit } from './audit/audit.repository.js';
import { OrganizationEntity } from './directory/directory.entity.js';
import { openAsSystem } from './gate/access.repository.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** The organisation's part in every cursor: under another one, none that was handed out before holds. */
export interface FeedEpoch {
  organization: string;
  epoch: string;
}

/** @throws NOT_FOUND before the first start */
export async function readFeedEpoch(database: Database): Promise<FeedEpoch> {
  const { name, feedEpoch } = await asSystem(database, findOrganization);
  return { organization: name, epoch: feedEpoch };
}

/**
 * For after the restore of a backup: numbers of events that are lost are given out again, and a cursor with one of them would
 * pass over the event that has it now.
 * @throws NOT_FOUND before the first start
 */
export async function renewFeedEpoch(database: Database): Promise<FeedEpoch> {
  return asSystem(database, async (unit) => {
    const { orgId, name, feedEpoch: before } = await findOrganization(unit);
    await unit.query(openAsSystem(orgId));
    const epoch = newId();
    await unit.entities(OrganizationEntity).update({ orgId }, { feedEpoch: epoch });
    await appendAudit(unit, {
      action: 'feed.renew',
      target: orgId,
      detail: { before, after: epoch, by: 'the command line' },
    });
    return { organization: name, epoch };
  });
}

/** openAsSystem() shows the one table in which the organisation can be found before it is known. */
function asSystem<Result>(database: Database, work: (unit: Unit) => Promise<Result>): Promise<Result> {
  return database.unit({ role: 'commonplace_system', opening: openAsSystem(NOBODY) }, work);
}

async function findOrganization(unit: Unit): Promise<OrganizationEntity> {
  const [organization] = await unit.entities(OrganizationEntity).find({ take: 1 });
  if (!organization) throw notFound('The organisation');
  return organization;
}
