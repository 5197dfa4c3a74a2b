using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Finds the accounts of a list of phones. Bounded, and limited by the number of phones (<c>RateLimits:Contacts</c>):
/// it serves to find one's contacts, not to enumerate users.
/// </summary>
public static class LookUpContacts
{
    /// <summary>The most phones in one request.</summary>
    public const int PhonesMax = 200;

    /// <summary>The body of <c>POST /v1/contacts/lookup</c>.</summary>
    public sealed record Body
    {
        public IReadOnlyList<string?>? Phones { get; init; }
    }

    public sealed record Query(UserId Caller, Body Body) : IRequest<Result>;

    /// <summary>The phones with an account, in the order of the request.</summary>
    public sealed record Result(IReadOnlyList<Match> Matches);

    /// <param name="Name">Null if the user has no name.</param>
    public sealed record Match(string Phone, Guid UserId, string? Name);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Body.Phones).NotNull().WithMessage("must be a list of phones.")
                .OverridePropertyName("phones");
            RuleFor(q => q.Body.Phones).Must(phones => phones is null || phones.Count <= PhonesMax)
                .WithMessage($"must be at most {PhonesMax}.").OverridePropertyName("phones");
            RuleFor(q => q.Body.Phones)
                .Must(phones => phones is null || phones.Count > PhonesMax || phones.All(PhoneNumber.IsE164))
                .WithMessage(
                    "must all be in E.164 form: a plus sign, the country's code and the number, such as +12025550123.")
                .OverridePropertyName("phones");
        }
    }

    internal sealed class Handler(IUsers users, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var phones = request.Body.Phones!.Select(phone => phone!).Distinct().ToList();
            var found = await users.FindByPhonesAsync(phones, cancellationToken);
            var names = await profiles.NamesAsync([.. found.Values.Distinct()], cancellationToken);
            return new Result(
                [
                    .. phones.Where(found.ContainsKey)
                        .Select(phone => new Match(phone, found[phone].Value, names[found[phone]])),
                ]);
        }
    }
}
