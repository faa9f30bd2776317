"""Errors as the API words them: HTTP status, code, message, chain."""


class ApiError(Exception):
    def __init__(self, status, code, message, chain=(), headers=()):
        super().__init__(f'{code} {message}')
        self.status = status
        self.errors = [{'code': code, 'message': message}]
        if chain:
            self.errors[0]['error_chain'] = [
                {'code': c, 'message': m} for c, m in chain]
        self.headers = dict(headers)

    @property
    def code(self):
        return self.errors[0]['code']


def no_credentials():
    return ApiError(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or '
                    'Authorization headers')


def bad_header(code, name):
    return ApiError(400, 6003, 'Invalid request headers',
                    [(code, f'Invalid format for {name} header')])


def unknown_key():
    return ApiError(403, 9103, 'Unknown X-Auth-Key or X-Auth-Email')


def invalid_token():
    return ApiError(403, 9109, 'Invalid access token')


def forbidden():
    return ApiError(403, 10000, 'Authentication error')


def no_route(path):
    e = ApiError(404, 7003, f'Could not route to {path}, perhaps your object '
                 'identifier is invalid?')
    e.errors.append({'code': 7000, 'message': 'No route for that URI'})
    return e


def bad_method():
    return ApiError(405, 10405, 'Method not allowed for this authentication '
                    'scheme')


def bad_body():
    return ApiError(400, 9207, 'Request body is invalid.')


def validation(code, message):
    return ApiError(400, 1004, 'DNS Validation Error', [(code, message)])


def identical_record():
    return ApiError(400, 81058, 'An identical record already exists.')


def conflicting_record():
    return ApiError(400, 81053, 'An A, AAAA, or CNAME record with that host '
                    'already exists.')


def no_record():
    return ApiError(404, 81044, 'Record does not exist.')


def record_quota():
    return ApiError(400, 81045, 'Record quota exceeded.')


def too_fast(seconds):
    return ApiError(429, 971, 'Please wait and consider throttling your '
                    'request speed', headers={'Retry-After': str(seconds)})
