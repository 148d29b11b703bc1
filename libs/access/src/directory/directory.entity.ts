import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PrincipalKind } from '../principal.js';

@Entity('organization')
export class OrganizationEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @Column('text') name: string;
  @Column('uuid', { name: 'feed_epoch' }) feedEpoch: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

@Entity('role')
export class RoleEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('text') key: string;
  @Column('text', { nullable: true }) description: string | null;
  @Column('boolean', { name: 'built_in', default: false }) builtIn: boolean;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

@Entity('principal')
export class PrincipalEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('uuid', { name: 'principal_id' }) id: string;
  @Column('text') kind: PrincipalKind;
  @Column('text') name: string;
  @Column('text', { name: 'role_key' }) role: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

@Entity('api_key')
export class ApiKeyEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('uuid', { name: 'key_id' }) id: string;
  @Column('uuid', { name: 'principal_id' }) principalId: string;
  @Column('text') prefix: string;
  @Column('bytea', { select: false }) hash: Buffer;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt: Date | null;
  @Column('timestamptz', { name: 'last_used_at', nullable: true }) lastUsedAt: Date | null;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt: Date | null;
}

@Entity('pool')
export class PoolEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('uuid', { name: 'pool_id' }) id: string;
  @Column('text') key: string;
  @Column('text') kind: 'SHARED' | 'ROLE' | 'AGENT';
  @Column('text', { name: 'role_key', nullable: true }) role: string | null;
  @Column('uuid', { name: 'owner_id', nullable: true }) ownerId: string | null;
  @Column('text', { nullable: true }) description: string | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

@Entity('policy')
export class PolicyEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('integer') version: number;
  @Column('jsonb') statements: unknown[];
  @Column('uuid', { name: 'author_id', nullable: true }) authorId: string | null;
  @Column('text', { nullable: true }) comment: string | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

/** The tables of administration, read and written through TypeORM; the hot paths speak SQL. */
export const accessEntities = [OrganizationEntity, RoleEntity, PrincipalEntity, ApiKeyEntity, PoolEntity, PolicyEntity];
