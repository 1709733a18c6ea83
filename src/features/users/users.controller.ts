import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { AdminOnly, CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  shownUser,
  userChange,
  userList,
  userListQuery,
  type ShownUser,
  type UserChange,
  type UserList,
  type UserListQuery,
} from './users.dto.js';
import { UsersService } from './users.service.js';

@ApiTags('users')
@Controller('api/v1/users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @ApiOperation({ summary: 'For admins: list the users' })
  @Get()
  @AdminOnly()
  @Answers(200, userList)
  list(
    @Query({ schema: userListQuery }) query: UserListQuery,
    @CurrentUser() admin: RequestUser,
  ): Promise<UserList> {
    return this.users.list(admin, query);
  }

  @ApiOperation({ summary: 'For admins: get a user' })
  @Get(':user_id')
  @AdminOnly()
  @Answers(200, shownUser)
  find(
    @Param('user_id', new IdPipe('user')) id: string,
    @CurrentUser() admin: RequestUser,
  ): Promise<ShownUser> {
    return this.users.find(admin, id);
  }

  @ApiOperation({ summary: 'For admins: change the plan of a user' })
  @Patch(':user_id')
  @AdminOnly()
  @Answers(200, shownUser)
  change(
    @Param('user_id', new IdPipe('user')) id: string,
    @Body({ schema: userChange }) change: UserChange,
    @CurrentUser() admin: RequestUser,
  ): Promise<ShownUser> {
    return this.users.change(admin, id, change);
  }
}
