/* ListUsers: lists users. Yours: c-svc wrote this file once. */
#include "services.h"

/* One page of all users, by id. */
csvc_code user_service_list_users(struct service *svc, csvc_ctx *ctx,
                                  const User__ListUsersRequest *req, User__ListUsersResponse *rsp)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page = req->page, .page_size = req->page_size,
                            .want_total = true};
    user_store_rows rows;
    csvc_code code = user_store_list(svc->db, ctx, &page, &rows);

    if (code == CSVC_OK) {
        rsp->n_users = rows.n_rows;
        rsp->users = rows.rows;
        rsp->total = (int32_t)rows.total;
    }
    return code;
}
