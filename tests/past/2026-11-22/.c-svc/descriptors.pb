
‰	

user.protouser"£
User
id (Rid
username (	Rusername
email (	Remail
	full_name (	RfullName

created_at (	R	createdAt

updated_at (	R	updatedAt"b
CreateUserRequest
username (	Rusername
email (	Remail
	full_name (	RfullName"4
CreateUserResponse
user (2
.user.UserRuser" 
GetUserRequest
id (Rid"1
GetUserResponse
user (2
.user.UserRuser"r
UpdateUserRequest
id (Rid
username (	Rusername
email (	Remail
	full_name (	RfullName"4
UpdateUserResponse
user (2
.user.UserRuser"#
DeleteUserRequest
id (Rid".
DeleteUserResponse
success (Rsuccess"C
ListUsersRequest
page (Rpage
	page_size (RpageSize"K
ListUsersResponse 
users (2
.user.UserRusers
total (Rtotal2Æ
UserService?

CreateUser.user.CreateUserRequest.user.CreateUserResponse6
GetUser.user.GetUserRequest.user.GetUserResponse?

UpdateUser.user.UpdateUserRequest.user.UpdateUserResponse?

DeleteUser.user.DeleteUserRequest.user.DeleteUserResponse<
	ListUsers.user.ListUsersRequest.user.ListUsersResponsebproto3