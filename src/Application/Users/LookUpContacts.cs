using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Who of a list of phones has an account. Bounded, and limited strictly by the number of phones (<c>RateLimits:Contacts</c>), so that it serves to find one's own
/// contacts and not to find out who is here.
/// </summary>
public static class LookUpContacts
{
    /// <summary>How many phones may be asked for at once.</summary>
    public const int PhonesMax = 200;

    /// <summary>The body of <c>POST /v1/contacts/lookup</c>.</summary>
    public sealed record Body
    {
        public IReadOnlyList<string?>? Phones { get; init; }
    }

    public sealed record Query(UserId Caller, Body Body) : IRequest<Result>;

    /// <summary>Those that have an account, in the order in which they were asked for; the others are left out.</summary>
    public sealed record Result(IReadOnlyList<Match> Matches);

    /// <param name="Name">Null when the user goes by none.</param>
    public sealed record Match(string Phone, Guid UserId, string? Name);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Body.Phones).NotNull().WithMessage("must be a list of phones.").OverridePropertyName("phones");
            RuleFor(q => q.Body.Phones).Must(phones => phones is null || phones.Count <= PhonesMax)
                .WithMessage($"must be at most {PhonesMax}.").OverridePropertyName("phones");
            RuleFor(q => q.Body.Phones).Must(phones => phones is null || phones.Count > PhonesMax || phones.All(PhoneNumber.IsE164))
                .WithMessage("must all be in E.164 form: a plus sign, the country's code and the number, such as +12025550123.")
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
            return new Result([.. phones.Where(found.ContainsKey).Select(phone => new Match(phone, found[phone].Value, names[found[phone]]))]);
        }
    }
}
