/* CreateUser: stores a new user. Yours: c-svc wrote this file once. */
#include "services.h"

/* Creates a user; ALREADY_EXISTS when the username or the email is taken. */
csvc_code user_service_create_user(struct service *svc, csvc_ctx *ctx,
                                   const User__CreateUserRequest *req,
                                   User__CreateUserResponse *rsp)
{
    User__User user = USER__USER__INIT;

    user.username = req->username;
    user.email = req->email;
    user.full_name = req->full_name;
    return user_store_create(svc->db, ctx, &user, &rsp->user);
}
